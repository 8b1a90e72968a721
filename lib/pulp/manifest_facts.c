/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The passes over manifest and configuration.  A duplicate key replaces what came before it, as in
 * Python, so every reader starts from nothing.
 */
#include "lib/pulp/manifest_facts.h"

static const char *const known_blobs[] = {
	"application/vnd.docker.distribution.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v1+prettyjws",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.docker.container.image.v1+json",
	"application/vnd.docker.image.rootfs.diff.tar.gzip",
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.oci.image.config.v1+json",
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.oci.image.layer.v1.tar+zstd",
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	"application/vnd.oci.empty.v1+json",
	"application/vnd.cncf.helm.config.v1+json",
	"application/vnd.dev.cosign.simplesigning.v1+json",
	"application/vnd.dsse.envelope.v1+json",
	"application/vnd.dev.sigstore.bundle.v0.3+json",
};

static const struct {
	const char *media_type, *type;
} signatures[] = {
	{ "application/vnd.dev.cosign.simplesigning.v1+json", "cosign_signature" },
	{ "application/vnd.dsse.envelope.v1+json", "cosign_attestation" },
	{ "application/vnd.dev.sigstore.bundle.v0.3+json", "cosign_attestation_bundle" },
	{ "application/vnd.cyclonedx", "cosign_sbom" },
	{ "application/vnd.cyclonedx+xml", "cosign_sbom" },
	{ "application/vnd.cyclonedx+json", "cosign_sbom" },
	{ "text/spdx", "cosign_sbom" },
	{ "text/spdx+xml", "cosign_sbom" },
	{ "text/spdx+json", "cosign_sbom" },
	{ "application/vnd.syft+json", "cosign_sbom" },
};

bool manifest_known_blob(const struct json_span *media_type)
{
	for (size_t i = 0; i < sizeof(known_blobs) / sizeof(known_blobs[0]); i++)
		if (json_span_is(media_type, known_blobs[i]))
			return true;
	return false;
}

/* The type of a cosign layer by its media type, or NULL. */
static const char *signature_type(const struct json_span *media_type)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
		if (json_span_is(media_type, signatures[i].media_type))
			return signatures[i].type;
	return NULL;
}

static void add_whole(struct size_sum *sum, const struct json_span *v)
{
	/* 30 digits: a manifest has not nearly enough layers to leave 128 bits with those. */
	bool negative = v->p[0] == '-';
	__int128 n = 0;

	if (v->len > 30) {
		sum->overflow = true;
		return;
	}
	for (size_t i = negative; i < v->len; i++)
		n = n * 10 + (v->p[i] - '0');
	sum->whole += negative ? -n : n;
}

static void add_size(struct size_sum *sum, const struct json_span *v)
{
	if (v->kind != JSON_INT && v->kind != JSON_REAL && v->kind != JSON_NOT_FINITE &&
	    v->kind != JSON_TRUE && v->kind != JSON_FALSE) {
		sum->incomplete = true;
		return;
	}
	if (!sum->is_real && (v->kind == JSON_REAL || v->kind == JSON_NOT_FINITE)) {
		sum->is_real = true;
		sum->real = (double)sum->whole;
	}
	bool is_number = v->kind != JSON_TRUE && v->kind != JSON_FALSE;
	if (sum->is_real)
		sum->real += is_number ? json_span_double(v) : v->kind == JSON_TRUE;
	else if (is_number)
		add_whole(sum, v);
	else
		sum->whole += v->kind == JSON_TRUE;
}

/* One layer's descriptor: any value, at the scan. */
static void read_layer(struct json_scan *s, struct manifest_facts *ret)
{
	struct json_span key, value, type = { 0 }, size = { 0 };

	if (json_scan_next(s) != '{') {
		(void)json_scan_value(s, &value);
	} else if (json_scan_enter(s)) {
		while (json_scan_member(s, &key) && json_scan_value(s, &value)) {
			if (json_span_is(&key, "mediaType"))
				type = value;
			else if (json_span_is(&key, "size"))
				size = value;
		}
	}
	add_size(&ret->sizes, &size);
	if (ret->signature || ret->layer_without_type)
		return;
	ret->layer_without_type = type.kind == JSON_ABSENT;
	ret->signature = signature_type(&type);
}

static void read_layers(struct json_scan *s, struct manifest_facts *ret)
{
	ret->layers = (struct json_span){ .kind = JSON_ARRAY };
	ret->signature = NULL;
	ret->layer_without_type = false;
	ret->sizes = (struct size_sum){ 0 };
	if (json_scan_next(s) != '[') {
		(void)json_scan_value(s, &ret->layers);
		return;
	}
	if (json_scan_enter(s))
		while (json_scan_element(s))
			read_layer(s, ret);
}

static void read_config_descriptor(struct json_scan *s, struct manifest_facts *ret)
{
	ret->config_type = (struct json_span){ 0 };
	if (json_scan_value(s, &ret->config))
		json_span_get(&ret->config, "mediaType", &ret->config_type);
}

static enum document outcome(struct json_scan *s, bool is_object)
{
	if (!json_scan_end(s))
		return DOCUMENT_NOT_JSON;
	return is_object ? DOCUMENT_OBJECT : DOCUMENT_NOT_OBJECT;
}

void manifest_facts_read(const char *text, size_t len, struct manifest_facts *ret)
{
	struct json_scan s;
	struct json_span key, other;

	*ret = (struct manifest_facts){ 0 };
	json_scan_init(&s, text, len, JSON_BOM);
	bool is_object = json_scan_next(&s) == '{';
	(void)(is_object ? json_scan_enter(&s) : json_scan_value(&s, &other));
	while (is_object && json_scan_member(&s, &key)) {
		if (json_span_is(&key, "layers"))
			read_layers(&s, ret);
		else if (json_span_is(&key, "config"))
			read_config_descriptor(&s, ret);
		else if (json_span_is(&key, "annotations"))
			(void)json_scan_value(&s, &ret->annotations);
		else if (json_span_is(&key, "architecture"))
			(void)json_scan_value(&s, &ret->architecture);
		else if (json_span_is(&key, "os"))
			(void)json_scan_value(&s, &ret->os);
		else if (json_span_is(&key, "artifactType"))
			(void)json_scan_value(&s, &ret->artifact_type);
		else if (json_span_is(&key, "fsLayers"))
			(void)json_scan_value(&s, &ret->fs_layers);
		else
			(void)json_scan_value(&s, &other);
	}
	ret->bom = s.bom;
	ret->document = outcome(&s, is_object);
}

/* The key "config" of an image configuration, of which the labels matter. */
static void read_run_config(struct json_scan *s, struct config_facts *ret)
{
	struct json_span key, other;

	ret->config = (struct json_span){ .kind = JSON_OBJECT };
	ret->labels = (struct json_span){ 0 };
	if (json_scan_next(s) != '{') {
		(void)json_scan_value(s, &ret->config);
		return;
	}
	if (json_scan_enter(s))
		while (json_scan_member(s, &key))
			(void)json_scan_value(s,
					      json_span_is(&key, "Labels") ? &ret->labels : &other);
}

void config_facts_read(const char *text, size_t len, unsigned options, struct config_facts *ret)
{
	struct json_scan s;
	struct json_span key, other;

	*ret = (struct config_facts){ 0 };
	json_scan_init(&s, text, len, options);
	bool is_object = json_scan_next(&s) == '{';
	(void)(is_object ? json_scan_enter(&s) : json_scan_value(&s, &other));
	while (is_object && json_scan_member(&s, &key)) {
		if (json_span_is(&key, "config"))
			read_run_config(&s, ret);
		else if (json_span_is(&key, "architecture"))
			(void)json_scan_value(&s, &ret->architecture);
		else if (json_span_is(&key, "os"))
			(void)json_scan_value(&s, &ret->os);
		else
			(void)json_scan_value(&s, &other);
	}
	ret->document = outcome(&s, is_object);
}

void map_facts_read(const struct json_span *map, struct map_facts *ret)
{
	struct json_scan s;
	struct json_span key, value;

	*ret = (struct map_facts){ 0 };
	if (map->kind != JSON_OBJECT)
		return;
	json_scan_init(&s, map->p, map->len, JSON_SURROGATES);
	(void)json_scan_enter(&s);
	while (json_scan_member(&s, &key) && json_scan_value(&s, &value)) {
		if (json_span_is(&key, "containers.bootc"))
			ret->bootc = json_span_is(&value, "1");
		else if (json_span_is(&key, "org.flatpak.ref"))
			ret->flatpak = json_span_true(&value);
	}
}
