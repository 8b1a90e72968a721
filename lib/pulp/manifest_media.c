/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The media type by a manifest's own words, with the truth values of pulp_container's
 * container-repair-media-type: what is empty counts as absent.
 */
#include "lib/drivers/json.h"
#include "lib/pulp/manifest.h"

#include <string.h>

static const char docker_config[] = "application/vnd.docker.container.image.v1+json";

static int by_children(const struct json *children)
{
	for (size_t i = 0; i < json_count(children); i++) {
		const char *text = json_text(json_get(json_at(children, i), "mediaType"));
		int media = text ? manifest_media(text) : MEDIA_OTHER;

		if (media == MEDIA_OM || media == MEDIA_OI)
			return MEDIA_OI;
	}
	return MEDIA_ML;
}

static int by_document(const struct json *doc)
{
	const struct json *own = json_get(doc, "mediaType"), *config = json_get(doc, "config");
	const struct json *children = json_get(doc, "manifests");

	if (own && !json_is_null(own) && !(json_text(own) && !*json_text(own)))
		return json_text(own) ? manifest_media(json_text(own)) : MEDIA_OTHER;
	if (json_count(children) > 0)
		return by_children(children);
	if (json_count(config) == 0)
		return MEDIA_V1;

	const char *type = json_text(json_get(config, "mediaType"));

	return type && strcmp(type, docker_config) == 0 ? MEDIA_V2 : MEDIA_OM;
}

int manifest_media_derive(const char *data, size_t len)
{
	struct json *doc = NULL;
	struct err ignored;
	int media = MEDIA_OTHER;

	if (!json_parse(data, len, &doc, &ignored))
		return MEDIA_OTHER;
	if (json_count(doc) > 0 && !json_at(doc, 0))
		media = by_document(doc);
	json_free(doc);
	/* What Pulp's migration 0034 did to the column. */
	return media == MEDIA_V1S ? MEDIA_V1 : media;
}
