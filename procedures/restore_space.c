/* SPDX-License-Identifier: GPL-3.0-or-later */
/* There is room for the databases beside those in use, and for the files that are missing. */
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/space.h"
#include "lib/store/listing.h"
#include "procedures/procedures.h"
#include "procedures/restore_content.h"

#include <string.h>
#include <sys/stat.h>

static const double answer_within = 3.0; /* seconds */
/* A loaded database is smaller than the one that was dumped; its log of changes comes with it. */
static const double spare = 1.1;

struct sums {
	int64_t media, media_files, databases;
};

/* By size alone: digests are looked at when it is copied. */
static bool sum_missing(const struct restore_job *j, const char *name, const struct fs_root *root,
			struct sums *s, struct err *err)
{
	AUTO_FREE char *path = repository_backup_path(j->repository, j->manifest.id, name);
	const struct listing_row *row = NULL;
	struct listing *l = NULL;
	bool ok;

	if (!listing_open(path, &l, err))
		return false;
	while ((ok = listing_next(l, &row, err)) && row) {
		struct fs_file file = { 0 };

		if (stop_requested()) {
			ok = err_set(err, ERR_STOPPED, "stopped while it looked at the media");
			break;
		}
		if (content_elsewhere(j, row->path))
			continue;
		if (fs_stat(root, row->path, &file) == FS_OK && file.size == row->size)
			continue;
		s->media += row->size;
		s->media_files++;
	}
	listing_close(l);
	return ok;
}

static bool sum(const struct restore_job *j, const char *media, struct sums *s, struct err *err)
{
	struct fs_root *root = NULL;
	bool ok = fs_root_open(media, &root, err);

	for (size_t i = 0; ok && restore_listings[i]; i++)
		if (restore_has_listing(j, restore_listings[i]))
			ok = sum_missing(j, restore_listings[i], root, s, err);
	fs_root_close(root);
	for (size_t i = 0; i < j->n; i++)
		if (!j->databases[i].loaded && !j->databases[i].restored)
			s->databases += (int64_t)((double)j->databases[i].from->bytes * spare);
	return ok;
}

static bool judge(const char *path, const char *what, int64_t bytes, int64_t files,
		  struct outcome *out, struct err *err)
{
	struct space space;

	if (!space_ask(path, answer_within, &space, err))
		return false;
	if (bytes > space.bytes_free)
		outcome_example(out, "%lld bytes are needed for %s, and %s has %lld left",
				(long long)bytes, what, path, (long long)space.bytes_free);
	else if (space.files && files > space.files_free)
		outcome_example(out, "%lld files are needed for %s, and %s has room for %lld",
				(long long)files, what, path, (long long)space.files_free);
	return true;
}

/* Only a superuser is told where the server has its data, and only here can it be looked at. */
static bool judge_databases(struct restore_job *j, const struct sums *s, struct outcome *out,
			    bool *ret_known, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct stat st;

	if (!pg_query(j->db,
		      "SELECT setting FROM pg_settings WHERE name = 'data_directory'"
		      " AND inet_server_addr() IS NULL",
		      NULL, 0, &r, err))
		return false;
	*ret_known = pg_rows_count(r) > 0 && stat(pg_text(r, 0, 0), &st) == 0;
	return !*ret_known || judge(pg_text(r, 0, 0), "the databases", s->databases, 0, out, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const char *media = a->look->place.media_root;
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct sums s = { 0 };
	bool known = false;

	if (!restore_job_open(a->look, params, &j, err) || !restore_job_ask(&j, err) ||
	    !sum(&j, media, &s, err) ||
	    !judge(media, "what is missing", s.media, s.media_files, out, err) ||
	    !judge_databases(&j, &s, out, &known, err))
		return false;
	if (out->examples[0]) {
		outcome_set(out, RESULT_FINDING, "there is not enough room");
		outcome_hint(out, "Make room, or give the file system more.");
		return true;
	}
	outcome_set(out, RESULT_OK,
		    "%lld bytes in %lld files for the media, %lld bytes for databases%s",
		    (long long)s.media, (long long)s.media_files, (long long)s.databases,
		    known ? "" : "; whether the server has room for them cannot be seen from here");
	return true;
}

const struct procedure procedure_restore_space = {
	.label = "restore-space",
	.summary = "there is room for the databases and the missing files",
	.explain =
		"The databases are loaded beside those in use, so they need room of their own; "
		"of the media only what is missing is copied. Directories of other domains are not "
		"looked at.",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_MEDIA,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.run = run,
};
