/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one ordinary row costs: classification by the scanner, json-c's trees of the same two
 * documents, and the SHA-256 that is computed anyway.  Prints figures and judges none.
 */
#include "lib/core/mem.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/json.h"
#include "lib/drivers/json_scan.h"
#include "lib/pulp/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 7, ROWS = 20000, LAYERS = 8 };

static void make_manifest(struct strbuf *b)
{
	const char *digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

	strbuf_addf(b,
		    "{\n   \"schemaVersion\": 2,\n   \"mediaType\": "
		    "\"application/vnd.oci.image.manifest.v1+json\",\n   \"config\": {\n      "
		    "\"mediaType\": \"application/vnd.oci.image.config.v1+json\",\n      "
		    "\"size\": 4096,\n      \"digest\": \"sha256:%s\"\n   },\n   \"layers\": [",
		    digest);
	for (int i = 0; i < LAYERS; i++)
		strbuf_addf(b,
			    "%s\n      {\n         \"mediaType\": "
			    "\"application/vnd.oci.image.layer.v1.tar+gzip\",\n         \"size\": "
			    "%d,\n         \"digest\": \"sha256:%s\"\n      }",
			    i ? "," : "", 1000000 * (i + 1), digest);
	strbuf_addf(b, "\n   ]\n}");
}

static void make_config(struct strbuf *b)
{
	strbuf_adds(
		b,
		"{\"architecture\":\"amd64\",\"config\":{\"Env\":[\"PATH=/usr/local/sbin:/usr/local/"
		"bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"container=oci\"],\"Cmd\":[\"/bin/bash\"],"
		"\"Labels\":{");
	for (int i = 0; i < 12; i++)
		strbuf_addf(
			b,
			"%s\"org.example.label.number.%d\":\"an ordinary value of some length %d\"",
			i ? "," : "", i, i);
	strbuf_adds(b, "}},\"created\":\"2024-01-01T00:00:00Z\",\"history\":[");
	for (int i = 0; i < 2 * LAYERS; i++)
		strbuf_addf(
			b,
			"%s{\"created\":\"2024-01-01T00:00:0%d.000000000Z\",\"created_by\":\"/bin/sh -c "
			"#(nop) COPY dir:0123456789abcdef in /usr/share/\",\"empty_layer\":true}",
			i ? "," : "", i % 10);
	strbuf_adds(b, "],\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (int i = 0; i < LAYERS; i++)
		strbuf_addf(
			b,
			"%s\"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\"",
			i ? "," : "");
	strbuf_adds(b, "]}}");
}

struct row {
	struct strbuf manifest, config;
	struct manifest_in in;
	struct manifest_out out;
};

static void by_scanner(struct row *r)
{
	manifest_classify(&r->in, &r->out);
	if (r->out.reason != REASON_NONE || !r->out.type)
		abort();
}

/* Validation alone, as a floor. */
static void by_scanner_alone(struct row *r)
{
	struct json_span v;

	if (!json_span_parse(r->manifest.data, r->manifest.len, 0, &v) ||
	    !json_span_parse(r->config.data, r->config.len, 0, &v))
		abort();
}

/* Parsing and freeing alone: what would be read from the trees comes on top. */
static void by_json_c(struct row *r)
{
	struct json *manifest = NULL, *config = NULL;
	struct err err = { .code = ERR_NONE };

	if (!json_parse(r->manifest.data, r->manifest.len, &manifest, &err) ||
	    !json_parse(r->config.data, r->config.len, &config, &err) ||
	    !json_text(json_get(config, "architecture")))
		abort();
	json_free(manifest);
	json_free(config);
}

static void by_sha256(struct row *r)
{
	char hex[65];

	sha256_hex(r->manifest.data, r->manifest.len, hex);
	sha256_hex(r->config.data, r->config.len, hex);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, void (*fn)(struct row *), struct row *r)
{
	double rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double start = seconds();
		for (int n = 0; n < ROWS; n++)
			fn(r);
		rounds[i] = (seconds() - start) / ROWS * 1e9;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
	printf("%-28s %8.0f ns per row (median of %d; best %.0f)\n", name, rounds[ROUNDS / 2],
	       ROUNDS, rounds[0]);
}

int main(void)
{
	struct row r = { .manifest = { 0 } };

	make_manifest(&r.manifest);
	make_config(&r.config);
	r.in = (struct manifest_in){
		.media_type = "application/vnd.oci.image.manifest.v1+json",
		.data = { r.manifest.data, r.manifest.len },
		.data_is_new = true,
		.has_config = true,
		.config = { r.config.data, r.config.len },
		.level_type = true,
	};
	printf("manifest %zu bytes, configuration %zu bytes\n", r.manifest.len, r.config.len);
	measure("classify (scanner)", by_scanner, &r);
	measure("validate both (scanner)", by_scanner_alone, &r);
	measure("parse both (json-c)", by_json_c, &r);
	measure("SHA-256 of both", by_sha256, &r);
	strbuf_release(&r.manifest);
	strbuf_release(&r.config);
	strbuf_release(&r.out.own);
	return 0;
}
