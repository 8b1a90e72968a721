/* SPDX-License-Identifier: GPL-3.0-or-later */
/* There is room for the databases beside those in use, and for the files that are missing. */
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/core/text.h"
#include "lib/drivers/space.h"
#include "lib/store/listing.h"
#include "procedures/procedures.h"
#include "procedures/restore_content.h"
#include "procedures/restore_homes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const double answer_within = 3.0; /* seconds */
/* A loaded database is smaller than the one that was dumped; its log of changes comes with it. */
static const double spare = 1.1;

/* What a file system has to take: homes may share one. */
struct load {
	const char *path; /* borrowed from the homes */
	dev_t device;
	int64_t bytes, files;
};

struct sums {
	struct restore_homes homes;
	struct load *loads; /* of the homes; a home without a file of its own has none */
	int64_t *homeless;  /* files of each home that is not known */
	int64_t media, media_files, databases;
};

static void release(struct sums *s)
{
	restore_homes_close(&s->homes);
	free(s->loads);
	free(s->homeless);
}

static bool find_homes(const struct restore_job *j, const struct probe *p, struct sums *s,
		       struct err *err)
{
	if (!restore_homes_open(&j->manifest, p->config, p->place.media_root, &s->homes, err))
		return false;
	s->loads = xcalloc(s->homes.n, sizeof(*s->loads));
	s->homeless = xcalloc(s->homes.n, sizeof(*s->homeless));
	for (size_t i = 0; i < s->homes.n; i++) {
		struct stat st;

		if (!s->homes.all[i].root)
			continue;
		s->loads[i].path = fs_root_path(s->homes.all[i].root);
		if (stat(s->loads[i].path, &st) != 0)
			return err_errno(err, "cannot look at %s", s->loads[i].path);
		s->loads[i].device = st.st_dev;
	}
	return true;
}

/* The load of the first home on the same file system. */
static struct load *load_of(struct sums *s, size_t home)
{
	size_t i = 0;

	while (!s->loads[i].path || s->loads[i].device != s->loads[home].device)
		i++;
	return &s->loads[i];
}

/* By size alone: digests are looked at when it is copied. */
static void look_at(struct sums *s, const struct listing_row *row)
{
	size_t home = restore_home_of(&s->homes, row->path);
	const struct fs_root *root = s->homes.all[home].root;
	struct fs_file file = { 0 };

	if (!root) {
		s->homeless[home]++;
		return;
	}
	if (fs_stat(root, row->path, &file) == FS_OK && file.size == row->size)
		return;
	struct load *load = load_of(s, home);
	load->bytes += row->size;
	load->files++;
	s->media += row->size;
	s->media_files++;
}

static bool sum_missing(const struct restore_job *j, const char *name, struct sums *s,
			struct err *err)
{
	AUTO_FREE char *path = repository_backup_path(j->repository, j->manifest.id, name);
	const struct listing_row *row = NULL;
	struct listing *l = NULL;
	bool ok;

	if (!listing_open(path, &l, err))
		return false;
	while ((ok = listing_next(l, &row, err)) && row) {
		if (stop_requested()) {
			ok = err_set(err, ERR_STOPPED, "stopped while it looked at the media");
			break;
		}
		look_at(s, row);
	}
	listing_close(l);
	return ok;
}

static bool sum(const struct restore_job *j, struct sums *s, struct err *err)
{
	for (size_t i = 0; restore_listings[i]; i++)
		if (restore_has_listing(j, restore_listings[i]) &&
		    !sum_missing(j, restore_listings[i], s, err))
			return false;
	for (size_t i = 0; i < j->n; i++)
		if (!j->databases[i].loaded && !j->databases[i].restored)
			s->databases += (int64_t)((double)j->databases[i].from->bytes * spare);
	return true;
}

static bool judge(const char *path, const char *what, int64_t bytes, int64_t files,
		  struct outcome *out, struct err *err)
{
	char needed[32], left[32];
	struct space space;

	if (!space_ask(path, answer_within, &space, err))
		return false;
	text_bytes((double)bytes, needed, sizeof(needed));
	text_bytes((double)space.bytes_free, left, sizeof(left));
	if (bytes > space.bytes_free)
		outcome_example(out, "%s are needed for %s, and %s has %s left", needed, what, path,
				left);
	else if (space.files && files > space.files_free)
		outcome_example(out,
				"%lld file(s) (is|are) needed for %s, and %s has room for %lld",
				(long long)files, what, path, (long long)space.files_free);
	return true;
}

static bool judge_homes(const struct sums *s, struct outcome *out, struct err *err)
{
	for (size_t i = 0; i < s->homes.n; i++) {
		const struct load *l = &s->loads[i];

		if (l->files && !judge(l->path, "what is missing", l->bytes, l->files, out, err))
			return false;
		if (s->homeless[i])
			outcome_example(
				out,
				"%lld artifact(s) (is|are) of domain \"%s\", whose directory is not in "
				"pulp.domain_roots",
				(long long)s->homeless[i], s->homes.all[i].domain);
	}
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
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct sums s __attribute__((cleanup(release))) = { 0 };
	char media[32], databases[32];
	bool known = false;

	if (!restore_job_open(a->look, params, &j, err) || !restore_job_ask(&j, err) ||
	    !find_homes(&j, a->look, &s, err) || !sum(&j, &s, err) || !judge_homes(&s, out, err) ||
	    !judge_databases(&j, &s, out, &known, err))
		return false;
	if (out->examples[0]) {
		outcome_set(out, RESULT_FINDING, "there is no room for what the backup holds");
		outcome_hint(out, "Make room, or name the directory; Pulp's settings of the domain "
				  "say where it is.");
		return true;
	}
	text_bytes((double)s.media, media, sizeof(media));
	text_bytes((double)s.databases, databases, sizeof(databases));
	outcome_set(out, RESULT_OK, "%s in %lld file(s) for the media, %s for databases%s", media,
		    (long long)s.media_files, databases,
		    known ? "" : "; whether the server has room for them cannot be seen from here");
	return true;
}

const struct procedure procedure_restore_space = {
	.label = "restore-space",
	.summary = "there is room for the databases and the missing files",
	.explain = "The databases are loaded beside those in use, so they need room of their own; "
		   "of the media only what is missing is copied, each domain's into its own "
		   "directory, which has to be known.",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_MEDIA,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.run = run,
};
