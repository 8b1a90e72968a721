/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manifests as rows: read with everything they depend on in one query, loaded and classified
 * without a database, written with guards.  A procedure binds these functions into the engine.
 */
#pragma once
#include "lib/drivers/pg.h"
#include "lib/pulp/manifest.h"
#include "lib/pulp/schema.h"
#include "lib/pulp/storage.h"

/* What the statements are made for; set once, then read by all threads. */
struct manifest_rows {
	const struct pulp_schema *schema;
	const struct storage *storage; /* NULL at detach */
	char *pending;		       /* condition on m, from pending_where; owned by the maker */
	bool recover;		       /* bytes are found by digest, not by link */
	bool refill;
	bool protect; /* detach: timestamp_of_interest of unlinked artifacts becomes now */
};

struct artifact_ref {
	const char *link, *id; /* uuid bytes of core_contentartifact and core_artifact, or NULL */
	const char *file, *domain, *sha256;
	int64_t size;
	int links, artifacts; /* how many there are */
};

/* One manifest; texts borrow from the result it came with. */
struct manifest_row {
	const unsigned char *key; /* 16 bytes */
	uint32_t xmin;
	const char *digest, *media_type;
	bool list, has_config, is_bootable, is_flatpak, size_null;
	struct slice annotations, labels, type, architecture, os;
	int64_t size;
	int64_t data_len; /* bytes of the data column; 0 when it is empty */
	struct slice data;
	struct artifact_ref artifact, config;
	bool child_bootable, child_flatpak;

	/* After loading. */
	enum reason reason;
	unsigned missing;
	bool bad;	    /* reason keeps the row from being written */
	bool same;	    /* nothing would change */
	bool final_pending; /* what was derived still looks pending: only a verdict tells that it is
			       done */
	char *bytes;	    /* owned: the file, when data is new */
	char *config_bytes; /* owned */
	char *fingerprint;  /* owned; made when a verdict asks for it */
	struct manifest_out out;
	double reading, hashing, parsing; /* seconds */
	int64_t file_size,
		file_changed; /* of the file the reason is about; -1 when it is not there */
	const struct artifact_ref *about;
};

/* One window's rows and the result they borrow from. */
struct manifest_window {
	struct manifest_row *rows;
	size_t n;
	bool more; /* the limit cut it: rows may be left in the range */
	struct pg_rows *result, *data;
};

/* A condition for keys behind $1; all keys are where $1 is NULL, also the one of zeros only. */
#define MANIFEST_AFTER                                                                   \
	"m.content_ptr_id >= coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)" \
	" AND m.content_ptr_id IS DISTINCT FROM $1"

/* Prepares the statements of fetch on this session; manifest_write_prepare those of write. */
bool manifest_rows_prepare(const struct manifest_rows *m, struct pg *db,
			   struct err *err) MUST_CHECK;
/* after: NULL for the first key of all. */
bool manifest_rows_fetch(const struct manifest_rows *m, struct pg *db, const unsigned char *after,
			 const unsigned char *hi, int max_rows, size_t max_bytes,
			 struct manifest_window *ret, struct err *err) MUST_CHECK;
void manifest_window_release(struct manifest_window *w);
size_t manifest_row_bytes(const struct manifest_row *row);

/* Reads, verifies and classifies; any thread. */
void manifest_row_load(const struct manifest_rows *m, struct manifest_row *row);
void manifest_row_unload(struct manifest_row *row);
/* The bytes alone, verified, into row->data; storage may be NULL where the row has its data.  False
 * when they could not be had (row->reason). */
bool manifest_row_read(const struct manifest_rows *m, struct manifest_row *row);
/* As load, for a row that has its data: derives every column anew as if the row had none, into
 * row->out; its columns stay as they are.  False when the bytes could not be had (row->reason). */
bool manifest_row_rederive(const struct manifest_rows *m, struct manifest_row *row);

/*
 * Writes all columns of the rows at once, each only if the row is unchanged since it was read and
 * still linked to the artifact its bytes came from.  written[i] tells for each.  With recover the
 * artifact rows are locked first (FOR KEY SHARE), so that no cleanup takes one meanwhile.
 * pass_locked: rows that somebody holds are left out instead of waited for.
 */
bool manifest_rows_write(const struct manifest_rows *m, struct pg *db,
			 struct manifest_row *const *rows, size_t n, bool pass_locked,
			 bool *written, struct err *err) MUST_CHECK;

bool manifest_write_prepare(const struct manifest_rows *m, struct pg *db,
			    struct err *err) MUST_CHECK;

/* Key, digest and media type, for detach. */
bool manifest_links_prepare(const struct manifest_rows *m, struct pg *db,
			    struct err *err) MUST_CHECK;
/*
 * Drops the links of the given manifests; the statement carries its proof: a manifest loses its
 * links only when every linked artifact's sha256 equals the server's own sha256 of the stored data.
 * fate[i]: 1 dropped, 0 there was none any more, -1 refused.
 */
bool manifest_links_drop(const struct manifest_rows *m, struct pg *db,
			 const unsigned char *const *keys, size_t n, int *fate,
			 struct err *err) MUST_CHECK;
/* after: NULL for the first key of all. */
bool manifest_links_fetch(const struct manifest_rows *m, struct pg *db, const unsigned char *after,
			  const unsigned char *hi, int max_rows, struct pg_rows **ret,
			  struct err *err) MUST_CHECK;

/*
 * What a verdict about the row depends on in the database; caller frees.  The media type in any
 * case.  A row that could not be read depends on its own artifacts, one that was stored on those of
 * its configuration: its own link goes with the detach.
 */
char *manifest_row_fingerprint(const struct manifest_rows *m, const struct manifest_row *row);
/* The same as SQL on alias m, to be compared with a recorded one. */
extern const char manifest_unread_fingerprint_sql[], manifest_unread_fingerprint_no_data_sql[],
	manifest_stored_fingerprint_sql[];
/* Names of the repositories whose latest version holds the manifest; NULL-terminated, caller frees
 * all. */
bool manifest_repositories(struct pg *db, const unsigned char key[16], char ***ret,
			   struct err *err) MUST_CHECK;
