/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list was written by the same COPY in the same order, so two sorted streams of lines are
 * compared and nothing is kept.
 */
#include "procedures/restore_compare.h"

#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/hash.h"
#include "lib/pulp/look.h"
#include "lib/store/object.h"
#include "procedures/restore_content.h"
#include "procedures/restore_homes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lines {
	FILE *file;
	char *line; /* NULL: at its end */
	size_t room;
	ssize_t len;
	int64_t listed, absent;
	char first[SHA256_HEX + 1]; /* of those that are absent */
};

static bool advance(struct lines *l, struct err *err)
{
	l->len = getline(&l->line, &l->room, l->file);
	if (l->len < 0 && ferror(l->file))
		return err_errno(err, "cannot read the list of artifacts");
	l->listed += l->len > 0;
	return true;
}

static bool miss(struct lines *l, struct err *err)
{
	if (l->absent++ == 0)
		snprintf(l->first, sizeof(l->first), "%s", l->line);
	return advance(l, err);
}

static bool compare_line(void *arg, const char *line, size_t len, struct err *err)
{
	struct lines *l = arg;

	while (l->len > 0) {
		size_t least = len < (size_t)l->len ? len : (size_t)l->len;
		int order = memcmp(l->line, line, least);

		if (order == 0 && len == (size_t)l->len)
			return advance(l, err);
		if (order > 0 || (order == 0 && len < (size_t)l->len))
			return true; /* not listed: there are as many rows as lines, so one is
					missing, too */
		if (!miss(l, err))
			return false;
	}
	return true;
}

static bool compare(struct lines *l, struct pg *db, struct err *err)
{
	bool ok =
		advance(l, err) && pg_copy_out(db,
					       "COPY (SELECT sha256, size, file FROM core_artifact"
					       " ORDER BY sha256 COLLATE \"C\", file COLLATE"
					       " \"C\") TO STDOUT",
					       compare_line, l, err);

	while (ok && l->len > 0)
		ok = miss(l, err);
	free(l->line);
	return ok;
}

bool restore_compare_rows(const struct restore_job *j, struct pg *db, struct err *err)
{
	struct lines l = { .file = NULL };

	if (!restore_has_listing(j, restore_listings[0]))
		return true;
	AUTO_FREE char *path =
		repository_backup_path(j->repository, j->manifest.id, restore_listings[0]);
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	l.file = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (!l.file)
		return err_errno(err, "cannot read %s", path);
	fd = -1;
	bool ok = compare(&l, db, err);
	auto_fclose(&l.file);
	return ok && (l.absent == 0 ||
		      err_set(err, ERR_DATA,
			      "%lld of the %lld artifact(s) that the backup lists are not in the "
			      "loaded database, %s first",
			      (long long)l.absent, (long long)l.listed, l.first));
}

static const char *what_is_wrong(const struct restore_homes *homes, const char *sha256,
				 const char *path)
{
	const struct fs_root *root = homes->all[restore_home_of(homes, path)].root;
	struct fs_file file = { 0 };
	AUTO_FD int fd = -1;
	char found[65];
	enum fs_verdict v = root ? fs_open(root, path, &fd, &file) : FS_OUTSIDE;

	if (v != FS_OK)
		return v == FS_MISSING ? "is not there" : "cannot be read";
	if (!object_digest(fd, file.size, NULL, found))
		return "cannot be read";
	return strcmp(found, sha256) == 0 ? NULL : "has other bytes than its digest says";
}

/* Pulp removes the row before the file. */
static bool named(struct pg *db, const char *path)
{
	const struct pg_param wanted[] = { PG_P_TEXT(path) };
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	return !pg_query(db, "SELECT FROM core_artifact WHERE file = $1", wanted, 1, &r,
			 &ignored) ||
	       pg_rows_count(r) > 0;
}

bool restore_compare_files(const struct restore_job *j, const struct probe *p,
			   struct restore_files *ret, struct outcome *out, struct err *err)
{
	AUTO_HOMES struct restore_homes homes = { .n = 0 };
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!look_query(p, "SELECT sha256, file FROM core_artifact ORDER BY random() LIMIT 100", &r,
			err) ||
	    !restore_homes_open(&j->manifest, p->config, p->place.media_root, &homes, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r) && !stop_requested(); i++) {
		const char *wrong = what_is_wrong(&homes, pg_text(r, i, 0), pg_text(r, i, 1));

		ret->read++;
		if (!wrong || stop_requested() || !named(p->db, pg_text(r, i, 1)))
			continue;
		ret->bad++;
		outcome_example(out, "%s %s", pg_text(r, i, 1), wrong);
	}
	return true;
}
