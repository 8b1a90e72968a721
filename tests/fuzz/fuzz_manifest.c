/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Classification on any row: media type, two bytes of flags, then manifest, configuration,
 * annotations and labels of the row, divided by a line "%%".  What comes out must be storable and
 * must agree with itself, and the same row gives the same again.
 */
#include "lib/core/mem.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/json_scan.h"
#include "lib/pulp/manifest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const media_types[] = {
	"application/vnd.docker.distribution.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v1+prettyjws",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
	"application/x-unknown",
};

/* Up to the next divider, in memory of its own. */
static struct slice part(const uint8_t **p, size_t *left, char **owner)
{
	const uint8_t *stop = memmem(*p, *left, "\n%%\n", 4);
	size_t len = stop ? (size_t)(stop - *p) : *left, used = stop ? len + 4 : len;

	*owner = xmalloc(len ? len : 1);
	memcpy(*owner, *p, len);
	*p += used;
	*left -= used;
	return (struct slice){ *owner, len };
}

/* A column holds what jsonb took. */
static void column(struct slice *s)
{
	struct json_span v;

	if (!json_span_parse(s->p, s->len, 0, &v) ||
	    (v.flags & (JSON_HAS_NUL | JSON_HAS_HALF | JSON_HAS_NOT_FINITE)))
		*s = (struct slice){ NULL, 0 };
}

static void require_text(const struct slice *s)
{
	REQUIRE(!s->p || manifest_storable(s->p, s->len) == REASON_NONE);
}

static void require_json(bool set, const struct slice *s)
{
	const unsigned refused = JSON_HAS_NUL | JSON_HAS_HALF | JSON_HAS_NOT_FINITE | JSON_HAS_HUGE;
	struct json_span v;

	REQUIRE(set == (s->p != NULL));
	require_text(s);
	if (set)
		REQUIRE(json_span_parse(s->p, s->len, 0, &v) && !(v.flags & refused));
}

static void require_sound(const struct manifest_in *in, const struct manifest_out *out)
{
	REQUIRE(out->reason == REASON_NONE ||
		reason_text(out->reason)->effect == REASON_EFFECT_PARTIAL);
	REQUIRE(out->missing == 0 || out->reason != REASON_NONE);
	require_json(out->set_annotations, &out->annotations);
	require_json(out->set_labels, &out->labels);
	require_text(&out->architecture);
	require_text(&out->os);
	REQUIRE(out->set_type == (out->type != NULL));
	REQUIRE(in->level_type || !(out->set_type || out->set_oas));
	REQUIRE(!(out->is_bootable && out->is_flatpak));
	REQUIRE(!(out->set_annotations && (out->missing & FIELD_BIT_ANNOTATIONS)));
	REQUIRE(!(out->set_labels && (out->missing & FIELD_BIT_LABELS)));
	REQUIRE(!(out->set_type && (out->missing & FIELD_BIT_TYPE)));
	REQUIRE(!out->set_oas || out->size_null == ((out->missing & FIELD_BIT_SIZE) != 0));
	REQUIRE(!out->size_null || out->size == 0);
	REQUIRE(!in->size_is_int4 || (out->size >= INT32_MIN && out->size <= INT32_MAX));
}

static bool same_slice(const struct slice *a, const struct slice *b)
{
	return !a->p == !b->p && a->len == b->len && (!a->p || memcmp(a->p, b->p, a->len) == 0);
}

static void require_same(const struct manifest_out *a, const struct manifest_out *b)
{
	REQUIRE(a->reason == b->reason && a->missing == b->missing && a->type == b->type);
	REQUIRE(a->set_oas == b->set_oas && a->size == b->size);
	REQUIRE(same_slice(&a->annotations, &b->annotations));
	REQUIRE(same_slice(&a->labels, &b->labels));
	REQUIRE(same_slice(&a->architecture, &b->architecture));
	REQUIRE(same_slice(&a->os, &b->os));
}

static void check_digest(const struct manifest_in *in)
{
	char digest[72] = "sha256:";

	sha256_hex(in->data.p, in->data.len, digest + 7);
	REQUIRE(manifest_digest_matches(in->media_type, digest, in->data.p, in->data.len));
	digest[7] = digest[7] == '0' ? '1' : '0';
	(void)manifest_digest_matches(in->media_type, digest, in->data.p, in->data.len);
	(void)manifest_storable(in->data.p, in->data.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = NULL, *config = NULL, *annotations = NULL, *labels = NULL;
	struct manifest_out out = { .own = { 0 } }, again = { .own = { 0 } };

	if (size < 3)
		return 0;
	unsigned flags = data[1] | (unsigned)data[2] << 8;
	struct manifest_in in = {
		.media_type = media_types[data[0] % ARRAY_LEN(media_types)],
		.data_is_new = !(flags & 1),
		.has_config = !(flags & 2),
		.has_type = flags & 4,
		.has_oas = flags & 8,
		.level_type = !(flags & 0x100),
		.size_is_int4 = flags & 0x200,
		.refill = flags & 0x400,
		.config_problem = flags & 0x800 ? REASON_CONFIG_FILE_MISSING : REASON_NONE,
	};
	data += 3;
	size -= 3;
	in.data = part(&data, &size, &text);
	in.config = part(&data, &size, &config);
	in.annotations = part(&data, &size, &annotations);
	in.labels = part(&data, &size, &labels);
	column(&in.annotations);
	column(&in.labels);

	manifest_classify(&in, &out);
	require_sound(&in, &out);
	/* Memory that held another row makes no difference. */
	strbuf_adds(&again.own, "what was here before");
	manifest_classify(&in, &again);
	require_same(&out, &again);
	check_digest(&in);
	strbuf_release(&out.own);
	strbuf_release(&again.own);
	return 0;
}
