/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A row and what must become of it, for tables: what a row leaves out is the ordinary case (fresh
 * bytes, newest schema level, nothing missing).  The inputs are copied without their final NUL.
 */
#pragma once
#include "lib/core/mem.h"
#include "lib/pulp/manifest.h"
#include "tests/harness/tap.h"

/* Tables of cases give defaults by macro and override some. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

#define V1 "application/vnd.docker.distribution.manifest.v1+json"
#define V1S "application/vnd.docker.distribution.manifest.v1+prettyjws"
#define V2 "application/vnd.docker.distribution.manifest.v2+json"
#define ML "application/vnd.docker.distribution.manifest.list.v2+json"
#define OM "application/vnd.oci.image.manifest.v1+json"
#define OI "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar+gzip"
#define CONFIG_OF(type) "\"config\":{\"mediaType\":\"" type "\"}"
#define LAYER_OF(type, size) "{\"mediaType\":\"" type "\",\"size\":" size "}"
#define LAYERS(list) "\"layers\":[" list "]"
/* An ordinary OCI image, and with more keys (a comma first). */
#define IMAGE_WITH(more)                      \
	"{" CONFIG_OF(OCI_CONFIG) "," LAYERS( \
		LAYER_OF(OCI_LAYER, "7") "," LAYER_OF(OCI_LAYER, "5")) more "}"
#define IMAGE IMAGE_WITH("")
#define IMAGE_CONFIG \
	"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Labels\":{\"a\":\"b\"}}}"

enum { ALL_OAS = FIELD_BIT_ARCHITECTURE | FIELD_BIT_OS | FIELD_BIT_SIZE };

struct manifest_case {
	const char *media, *data;
	const char *config; /* NULL: no config_blob_id, unless config_problem is set */
	enum reason config_problem;
	bool old_data; /* data was in its column already */
	const char *old_annotations, *old_labels;
	bool has_type, has_oas, no_type_level, int4, refill;
	/* Wanted; NULL: the column is not written (annotations, labels, type), or NULL is. */
	const char *annotations, *labels, *type, *architecture, *os;
	bool bootable, flatpak, no_oas, size_null;
	int64_t size;
	enum reason reason;
	unsigned missing;
};

/* The bytes alone in their own memory, so that a sanitizer sees a step too far. */
static inline struct slice exact(const char *s, char **owner)
{
	size_t len = s ? strlen(s) : 0;
	*owner = s ? xmalloc(len ? len : 1) : NULL;
	if (len)
		memcpy(*owner, s, len);
	return (struct slice){ *owner, len };
}

static inline bool check_slice(const char *what, struct slice got, const char *wanted)
{
	return tap_mem(got.p, got.len, wanted, wanted ? strlen(wanted) : 0, __FILE__, __LINE__,
		       what);
}

static inline void check_case(const struct manifest_case *c)
{
	AUTO_FREE char *data = NULL, *config = NULL, *annotations = NULL, *labels = NULL;
	int before = tap_now.failures;
	struct manifest_out out = { .own = { 0 } };
	struct manifest_in in = {
		.media_type = c->media,
		.data = exact(c->data, &data),
		.data_is_new = !c->old_data,
		.has_config = c->config || c->config_problem,
		.config_problem = c->config_problem,
		.config = exact(c->config, &config),
		.annotations = exact(c->old_annotations, &annotations),
		.labels = exact(c->old_labels, &labels),
		.has_type = c->has_type,
		.has_oas = c->has_oas,
		.level_type = !c->no_type_level,
		.size_is_int4 = c->int4,
		.refill = c->refill,
	};

	manifest_classify(&in, &out);
	CHECK_STR(reason_text(out.reason)->code, reason_text(c->reason)->code);
	CHECK_INT(out.missing, c->missing);
	CHECK_INT(out.set_annotations, c->annotations != NULL);
	check_slice("annotations", out.annotations, c->annotations);
	CHECK_INT(out.set_labels, c->labels != NULL);
	check_slice("labels", out.labels, c->labels);
	CHECK_INT(out.set_type, c->type != NULL);
	CHECK_STR(out.type, c->type);
	CHECK_INT(out.is_bootable, c->bootable);
	CHECK_INT(out.is_flatpak, c->flatpak);
	CHECK_INT(out.set_oas, !c->no_oas);
	check_slice("architecture", out.architecture, c->architecture);
	check_slice("os", out.os, c->os);
	CHECK_INT(out.size_null, c->size_null);
	CHECK_INT(out.size, c->size);
	if (tap_now.failures != before)
		fprintf(stderr, "#	for %s %s\n#	config %s\n", c->media, c->data,
			c->config ? c->config : "none");
	strbuf_release(&out.own);
}

#define CHECK_CASES(...)                                               \
	do {                                                           \
		const struct manifest_case cases_[] = { __VA_ARGS__ }; \
		for (size_t i_ = 0; i_ < ARRAY_LEN(cases_); i_++)      \
			check_case(&cases_[i_]);                       \
	} while (0)
