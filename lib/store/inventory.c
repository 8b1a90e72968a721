/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each list stands at its next digest; the least of them is next. */
#include "lib/store/inventory.h"

#include "lib/core/mem.h"
#include "lib/store/listing.h"

#include <stdlib.h>
#include <string.h>

struct cursor {
	struct listing *listing;
	const struct listing_row *row; /* NULL at the end */
	size_t backup;
	char last[65]; /* the digest before */
};

struct inventory {
	struct cursor *cursors;
	size_t n;
	struct inventory_row row;
};

static bool advance(struct cursor *c, struct err *err)
{
	if (c->row)
		memcpy(c->last, c->row->sha256, sizeof(c->last));
	if (!listing_next(c->listing, &c->row, err))
		return false;
	if (c->row && strcmp(c->row->sha256, c->last) < 0)
		return err_set(err, ERR_DATA, "a list of the backup is not in order of digests");
	return true;
}

/* A backup without content has no such list. */
static bool add(struct inventory *v, const struct repository *r, const char *id, const char *name,
		size_t backup, struct err *err)
{
	AUTO_FREE char *path = repository_backup_path(r, id, name);
	struct cursor *c = &v->cursors[v->n];

	*c = (struct cursor){ .backup = backup };
	if (!listing_open(path, &c->listing, err))
		return err->code == ERR_NOT_FOUND;
	v->n++;
	return advance(c, err) || err_wrap(err, "%s", path);
}

bool inventory_open(const struct repository *r, const char (*ids)[BACKUP_ID_SIZE], size_t n,
		    struct inventory **ret, struct err *err)
{
	struct inventory *v = xcalloc(1, sizeof(*v));

	v->cursors = xcalloc(2 * n + 1, sizeof(*v->cursors));
	for (size_t i = 0; i < n; i++) {
		if (!add(v, r, ids[i], "artifacts.tsv", i, err) ||
		    !add(v, r, ids[i], "media.tsv", i, err)) {
			inventory_close(v);
			return false;
		}
	}
	*ret = v;
	return true;
}

void inventory_close(struct inventory *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++)
		listing_close(v->cursors[i].listing);
	free(v->cursors);
	free(v);
}

bool inventory_next(struct inventory *v, const struct inventory_row **ret, struct err *err)
{
	struct inventory_row *row = &v->row;
	const struct listing_row *least = NULL;

	for (size_t i = 0; i < v->n; i++) {
		const struct listing_row *r = v->cursors[i].row;

		if (r && (!least || strcmp(r->sha256, least->sha256) < 0))
			least = r;
	}
	*ret = least ? row : NULL;
	if (!least)
		return true;
	*row = (struct inventory_row){ .size = least->size };
	memcpy(row->sha256, least->sha256, sizeof(row->sha256));
	for (size_t i = 0; i < v->n; i++) {
		struct cursor *c = &v->cursors[i];

		while (c->row && strcmp(c->row->sha256, row->sha256) == 0) {
			/* Both lists of a backup, and several lines of one, are of one backup. */
			if (row->backups == 0 || row->backup != c->backup)
				row->backups++;
			row->backup = c->backup;
			if (!advance(c, err))
				return false;
		}
	}
	return true;
}
