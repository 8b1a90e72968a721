/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a manifest's bytes say: a pure function, no server, no file.  It gives the nine columns that
 * pulp_container's own `container-handle-image-data` (2.22 and later) gives, on every row that
 * command can finish; where it crashes or skips, the result here is *partial*: data and what
 * derives from it, with the fields that could not be had named.
 */
#pragma once
#include "lib/core/strbuf.h"
#include "lib/pulp/reasons.h"
#include <stdbool.h>
#include <stdint.h>

struct slice {
	const char *p; /* NULL: SQL NULL */
	size_t len;
};

enum manifest_field { /* bits of `missing` and of the words in events */
		      FIELD_BIT_ANNOTATIONS = 1 << 0,
		      FIELD_BIT_LABELS = 1 << 1,
		      FIELD_BIT_TYPE = 1 << 2,
		      FIELD_BIT_ARCHITECTURE = 1 << 3,
		      FIELD_BIT_OS = 1 << 4,
		      FIELD_BIT_SIZE = 1 << 5
};

struct manifest_in {
	const char *media_type;	    /* the column, not the JSON key (pulp_container issue 1746) */
	struct slice data;	    /* the manifest's bytes, already verified against the digest */
	bool data_is_new;	    /* bytes come from the artifact: the column was empty */
	bool has_config;	    /* config_blob_id is set */
	enum reason config_problem; /* REASON_NONE when config holds the blob's bytes */
	struct slice config;
	/* The row as it is.  JSON texts of the jsonb columns; "{}" or NULL pointer count as empty.
	 */
	struct slice annotations, labels;
	bool has_type; /* type is not NULL and not '' */
	bool has_oas; /* one of architecture, os, compressed_image_size is not empty (0 is empty) */
	/* What the schema level has. */
	bool level_type; /* type, architecture, os, compressed_image_size exist (0042/0043) */
	bool size_is_int4;
	/*
	 * Fill annotations and labels that are empty although data was set, which upstream never
	 * does.  What they say of a bootable or flatpak image then replaces the type.
	 */
	bool refill;
};

/* Slices borrow from the input or from `own`. */
struct manifest_out {
	enum reason reason; /* REASON_NONE, or the first partial reason; never a quarantine one */
	/*
	 * manifest_field bits that could not be had.  May be 0 with a reason: a list that is no
	 * JSON has all its columns, and is still worth a warning.
	 */
	unsigned missing;
	bool set_annotations, set_labels, set_type,
		set_oas; /* columns to write; others keep their value */
	/*
	 * JSON, storable as jsonb.  Objects, but for two oddities that upstream stores as they are:
	 * annotations of an index, and labels of a list or of an image bootable by its annotations.
	 */
	struct slice annotations, labels;
	const char *type;	       /* static string or NULL */
	bool is_bootable, is_flatpak;  /* true: write true; false: leave as it is */
	struct slice architecture, os; /* storable text; with set_oas, NULL is written as NULL */
	bool size_null;
	int64_t size;
	struct strbuf own; /* unescaped texts; reused between calls, released by the caller */
};

void manifest_classify(const struct manifest_in *in, struct manifest_out *out);

enum { MEDIA_V1, MEDIA_V1S, MEDIA_V2, MEDIA_ML, MEDIA_OM, MEDIA_OI, MEDIA_OTHER };
int manifest_media(const char *media_type);
const char *manifest_media_text(int media); /* NULL for MEDIA_OTHER */
/* The one that a manifest's bytes speak of, V1 where they are of no later kind; MEDIA_OTHER: they
 * are no JSON object, or name a type that Pulp does not know. */
int manifest_media_derive(const char *data, size_t len);
/* True for the two list types (docker manifest list, OCI index). */
bool manifest_is_list(const char *media_type);

/*
 * Do these bytes belong to the digest "sha256:<hex>"?  sha256 of the bytes; for media type V1 (and
 * V1S, which Pulp's migration 0034 rewrote to V1) also the sha256 of the JWS payload without its
 * signatures, as docker/distribution's libtrust computes it: formatLength and formatTail of the
 * protected header.
 */
bool manifest_digest_matches(const char *media_type, const char *digest, const char *data,
			     size_t len);
/* Can a PostgreSQL text column in UTF-8 hold the bytes?  REASON_NONE, or the reason (nul-byte,
 * not-utf8). */
enum reason manifest_storable(const char *data, size_t len);
