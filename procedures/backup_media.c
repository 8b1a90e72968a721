/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What else lies below Pulp's media root: few and small files, so each backup reads all of them.
 * Temporary files, exports and imports are no part of a site's state, nor is a repository of
 * backups that somebody has put there.
 */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"
#include "lib/drivers/fs.h"
#include "lib/store/listing.h"
#include "procedures/backup_copy.h"
#include "procedures/backup_job.h"
#include "procedures/procedures.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const left_out[] = { "artifact", "tmp",	    "exports",	  "export",
					"imports",  "sync_imports", "lost+found", NULL };

struct found {
	char **lines; /* of the listing; owned */
	size_t n;
	int64_t bytes;
};

static void note(void *arg, const char *path, const struct object_copy *copy)
{
	struct found *f = arg;
	struct strbuf line = { 0 };

	listing_add(&line, copy->sha256, copy->size, path);
	f->lines = xrealloc(f->lines, (f->n + 1) * sizeof(*f->lines));
	f->lines[f->n++] = strbuf_take(&line);
	f->bytes += copy->size;
}

static bool is_left_out(const FTSENT *e, const struct stat *repository)
{
	if (e->fts_statp->st_dev == repository->st_dev &&
	    e->fts_statp->st_ino == repository->st_ino)
		return true;
	for (size_t i = 0; left_out[i]; i++)
		if (e->fts_level == 1 && strcmp(e->fts_name, left_out[i]) == 0)
			return true;
	return false;
}

/* What vanishes meanwhile is passed over. */
static bool walk(FTS *tree, struct copy_crew *crew, size_t root_len, const struct stat *repository,
		 struct err *err)
{
	FTSENT *e;

	errno = 0;
	for (; (e = fts_read(tree)) != NULL; errno = 0) {
		if (e->fts_info == FTS_D && is_left_out(e, repository)) {
			(void)fts_set(tree, e, FTS_SKIP);
		} else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR) {
			errno = e->fts_errno;
			return err_errno(err, "cannot read %s", e->fts_path);
		} else if (e->fts_info == FTS_F && !copy_add(crew, NULL, e->fts_path + root_len,
							     NULL, e->fts_statp->st_size, err)) {
			return false;
		}
	}
	return errno == 0 || err_errno(err, "cannot read Pulp's media");
}

static bool copy_all(struct actor *a, struct backup_job *j, const struct storage *s,
		     const struct backup_params *p, struct found *found, struct copy_tally *tally,
		     struct err *err)
{
	AUTO_FREE char *root = xstrdup(a->look->place.media_root);
	char *paths[] = { root, NULL };
	struct copy_crew *crew;
	struct stints *stints;
	struct stat repository;

	if (stat(repository_dir(j->repository), &repository) != 0)
		return err_errno(err, "cannot look at %s", repository_dir(j->repository));
	if (!backup_job_stints(a, j, false, &stints, err))
		return false;
	for (size_t n = strlen(root); n > 1 && root[n - 1] == '/';)
		root[--n] = '\0';
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!tree)
		return err_errno(err, "cannot read %s", root);
	bool ok = copy_begin(&(struct copy_request){ .actor = a,
						     .repository = j->repository,
						     .storage = s,
						     .reflink = p->reflink,
						     .stints = stints,
						     .label = procedure_backup_media.label,
						     .phase = "other media",
						     .done = note,
						     .arg = found },
			     &crew, err);
	if (ok && !walk(tree, crew, strlen(root) + 1, &repository, err)) {
		copy_abandon(crew);
		ok = false;
	} else if (ok) {
		ok = copy_end(crew, tally, err);
	}
	fts_close(tree);
	return ok;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool write_list(const struct backup_job *j, struct found *f, struct err *err)
{
	AUTO_FREE char *path = backup_job_path(j, "media.tsv");
	AUTO_STRBUF struct strbuf text = { 0 };

	if (f->n)
		qsort(f->lines, f->n, sizeof(*f->lines), by_text);
	for (size_t i = 0; i < f->n; i++)
		strbuf_adds(&text, f->lines[i]);
	return fs_write_atomic(path, text.data ? text.data : "", text.len, 0440, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_COPY_TALLY struct copy_tally tally = { 0 };
	struct found found = { 0 };
	struct storage *s = NULL;
	struct backup_job *j;
	char bytes[32];

	if (!backup_job_get(a, params, &j, err) ||
	    !storage_open(a->look->config, &a->look->place, &s, err))
		return false;
	bool ok = copy_all(a, j, s, params, &found, &tally, err);
	storage_close(s);
	if (ok && tally.wrong)
		ok = err_set(err, ERR_IO, "%lld file(s) of Pulp's media cannot be had: %s",
			     (long long)tally.wrong, tally.n_examples ? tally.examples[0] : "");
	ok = ok && write_list(j, &found, err);
	j->manifest.media =
		(struct manifest_tally){ .count = (int64_t)found.n, .bytes = found.bytes };
	for (size_t i = 0; i < found.n; i++)
		free(found.lines[i]);
	free(found.lines);
	text_bytes((double)j->manifest.media.bytes, bytes, sizeof(bytes));
	if (ok)
		outcome_set(out, RESULT_OK, "%lld other file(s) of %s",
			    (long long)j->manifest.media.count, bytes);
	return ok;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	(void)params, (void)err;
	*ret = true;
	outcome_set(why, RESULT_OK, "what lies below %s beside the artifacts",
		    p->place.media_root ? p->place.media_root : "Pulp's media root");
	return true;
}

const struct procedure procedure_backup_media = {
	.label = "backup-media",
	.summary = "copy what else lies below Pulp's media root",
	.explain = "All but artifacts, temporary files, exports, imports and backups.",
	.changes = "adds files to the store of the backups",
	.tags = (const char *const[]){ "backup", NULL },
	.needs = NEED_MEDIA,
	.params = backup_params_table,
	.params_size = sizeof(struct backup_params),
	.needed = needed,
	.run = run,
};
