/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one pass over a manifest and one over an image configuration pick up: the few values from
 * which the columns follow.  Inside lib/pulp only; manifest_classify draws the conclusions.
 */
#pragma once
#include "lib/drivers/json_scan.h"
#include "lib/pulp/manifest.h"

#include <stdbool.h>
#include <stddef.h>

enum document { DOCUMENT_OBJECT, DOCUMENT_NOT_OBJECT, DOCUMENT_NOT_JSON };

/* Python's sum(): whole numbers of any length until a float comes, then floats. */
struct size_sum {
	__int128 whole;
	double real;
	bool is_real;
	bool overflow;	 /* beyond what int8 could ever hold again */
	bool incomplete; /* an item without a number */
};

/* What labels or annotations say about the kind of image. */
struct map_facts {
	bool unknown; /* could not be read: may hold anything */
	bool bootc;   /* "containers.bootc" is "1" */
	bool flatpak; /* "org.flatpak.ref" is not empty */
};

struct manifest_facts {
	enum document document;
	bool bom; /* a byte order mark, which json.loads refuses in text and takes in bytes */
	struct json_span annotations, architecture, os, artifact_type, fs_layers;
	struct json_span config; /* the descriptor itself; kind JSON_ABSENT when there is none */
	struct json_span config_type; /* its mediaType */
	struct json_span layers;      /* its kind; span only where it is no array */
	const char *signature;	      /* type by the first layer of a cosign media type, or NULL */
	bool layer_without_type;      /* stands before any such layer: upstream stops there */
	struct size_sum sizes;
};

struct config_facts {
	enum document document;
	struct json_span architecture, os;
	struct json_span config; /* kind; its Labels are: */
	struct json_span labels;
};

void manifest_facts_read(const char *text, size_t len, struct manifest_facts *ret);
/* options: of json_scan_init. */
void config_facts_read(const char *text, size_t len, unsigned options, struct config_facts *ret);
void map_facts_read(const struct json_span *map, struct map_facts *ret);
/* One of the media types that Pulp knows as a configuration or blob. */
bool manifest_known_blob(const struct json_span *media_type);
