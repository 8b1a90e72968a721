/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A task that dies between a file and its row, and a restore of an older database, leave files that
 * no artifact names.  Pulp never looks for them, no orphan cleanup finds them: room that is gone.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/drivers/space.h"
#include "lib/pulp/look.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	DIRECTORIES = 256,  /* artifact/00 to artifact/ff */
	SAMPLE_FILES = 500, /* of whole directories, from a random one on */
	PAGE_FILES = 5000,
	YOUNG_SECONDS = 86400 /* its row may be in a transaction that is still open */
};
static const double answer_within = 3.0; /* seconds, of the file system */

/* An artifact's file is named by its digest, and rarely by something behind it; old rows have the
 * whole path. */
static const char sql[] =
	"SELECT n FROM unnest($1::text[]) n WHERE NOT EXISTS (SELECT FROM core_artifact a"
	" WHERE a.sha256 = substr(n, 10, 2) || substr(n, 13, 62) AND right(a.file, length(n)) = n)"
	" ORDER BY 1";

struct search {
	const struct probe *p;
	double began;
	struct pg_array names; /* "artifact/ab/cdef..." that have not been asked for yet */
	int64_t looked, bad, bytes;
	int directories; /* that have been read */
};

/* Of those without a row: neither young, nor deleted while we looked. */
static void note(struct search *s, const char *name, struct outcome *out)
{
	AUTO_FREE char *path = xasprintf("%s/%s", s->p->place.media_root, name);
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (double)st.st_mtime > clock_wall() - YOUNG_SECONDS)
		return;
	s->bad++;
	s->bytes += st.st_size;
	outcome_example(out, "%s: %lld bytes", name, (long long)st.st_size);
}

static bool ask(struct search *s, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const struct pg_param names = pg_array_param(&s->names, PG_TEXT_ARRAY);

	if (s->names.n == 0)
		return true;
	if (!pg_query(s->p->db, sql, &names, 1, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		note(s, pg_text(r, i, 0), out);
	pg_array_clear(&s->names);
	return true;
}

static bool read_names(struct search *s, DIR *dir, int prefix, struct outcome *out, struct err *err)
{
	errno = 0;
	for (struct dirent *e; (e = readdir(dir)) != NULL; errno = 0) {
		if (e->d_name[0] == '.')
			continue;
		AUTO_FREE char *name = xasprintf("artifact/%02x/%s", (unsigned)prefix, e->d_name);

		pg_array_bytes(&s->names, name, strlen(name));
		s->looked++;
		if (s->names.n >= PAGE_FILES && !ask(s, out, err))
			return false;
	}
	return errno == 0 || err_errno(err, "cannot read artifact/%02x", (unsigned)prefix);
}

static bool look(struct search *s, int prefix, struct outcome *out, struct err *err)
{
	AUTO_FREE char *path =
		xasprintf("%s/artifact/%02x", s->p->place.media_root, (unsigned)prefix);
	DIR *dir = opendir(path);

	if (!dir && errno == ENOENT)
		return true;
	if (!dir) {
		(void)err_errno(err, "cannot read %s", path);
		return err_hint(err, "Run as root or as the user pulp, who owns the artifacts.");
	}
	bool ok = read_names(s, dir, prefix, out, err);
	closedir(dir);
	s->directories++;
	return ok;
}

static void judge(const struct search *s, const struct look_params *o, bool all,
		  struct outcome *out)
{
	char among[64], bytes[32];

	look_rate(o, s->looked, s->began, among);
	if (!all)
		snprintf(among, sizeof(among), ", in a sample of %d directories", s->directories);
	outcome_count(out, "found", s->bad);
	if (s->bad == 0) {
		outcome_set(out, RESULT_OK, "%lld file(s) belong to artifacts%s",
			    (long long)s->looked, among);
		return;
	}
	text_bytes((double)s->bytes, bytes, sizeof(bytes));
	outcome_set(out, RESULT_WARNING,
		    "no artifact names %lld of %lld file(s), which (is|are) %s%s",
		    (long long)s->bad, (long long)s->looked, bytes, among);
	outcome_hint(out, "Pulp will never use nor delete them: list all with --full, and remove "
			  "them by hand when there is no older database to go back to.");
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct look_params *o = params;
	struct search s = { .p = p, .began = clock_monotonic() };
	struct space space;
	bool ok = true;
	int i;

	/* A file system that does not answer would hold the checks that follow, too. */
	if (!space_ask(p->place.media_root, answer_within, &space, err))
		return false;
	const int from = (int)((int64_t)(clock_wall() * 1e6) % DIRECTORIES);

	pg_array_init(&s.names, PG_TEXT);
	for (i = 0; ok && i < DIRECTORIES && (o->full || s.looked < SAMPLE_FILES); i++)
		ok = look(&s, (from + i) % DIRECTORIES, out, err);
	ok = ok && ask(&s, out, err);
	pg_array_release(&s.names);
	if (ok)
		judge(&s, o, i == DIRECTORIES, out);
	return ok;
}

const struct check check_pulp_files_leaked = {
	.label = "pulp-files-leaked",
	.summary = "every file among the artifacts belongs to one",
	.source = "the files below artifact/, core_artifact",
	.explain = "Reads the names of whole directories below artifact/ and asks the database for "
		   "each; files of the last day may still get their row, and other domains keep "
		   "theirs elsewhere.",
	.cost = "the names of about 500 files, with --full all",
	.tags = (const char *const[]){ "storage", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
