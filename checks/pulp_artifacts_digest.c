/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A disk or a copy that changes bytes is noticed by nobody but the client who pulls them.  Pulp's
 * repair would notice, too, and deletes such a file first, also the only copy of what was pushed.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/space.h"
#include "lib/pulp/look.h"
#include "lib/pulp/storage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLE_ROWS = 5000, PAGE_ROWS = 1000 };
/* Of a sample: files of up to 4 MB, so that one of them does not take all of the time. */
static const char sampled[] = " AND a.size <= 4194304 ORDER BY random() LIMIT 100";
static const double sample_seconds = 0.05, answer_within = 3.0; /* of the file system */

struct seen {
	double began;
	int64_t files, bytes, bad;
	char last[40]; /* uuid: where the next page begins */
};

/* A missing file and one of another size are for pulp-artifacts-files to tell. */
static bool look(const struct storage *storage, const struct pg_rows *r, size_t i, struct seen *s,
		 struct outcome *out, struct err *err)
{
	const char *file = pg_text(r, i, 1);
	AUTO_FD int fd = -1;
	struct fs_file f;
	char found[SHA256_HEX + 1];
	int64_t size = 0;
	enum fs_verdict v = storage_open_file(storage, NULL, file, &fd, &f);

	if (v == FS_DENIED) {
		errno = f.saved_errno;
		(void)err_errno(err, "cannot read %s", file);
		return err_hint(err, "Run as root or as the user pulp, who owns the artifacts.");
	}
	if (v != FS_OK || f.size != pg_int(r, i, 2))
		return true;
	bool whole = sha256_file(fd, &size, found);

	s->files++;
	s->bytes += size;
	if (whole && strcmp(found, pg_text(r, i, 3)) == 0)
		return true;
	s->bad++;
	outcome_example(out, "%s: %s", file,
			whole ? "other bytes than its digest says" : strerror(errno));
	return true;
}

static bool enough(const struct seen *s, bool all)
{
	return !all && s->files > 0 && clock_monotonic() - s->began > sample_seconds;
}

static bool look_at_all(const struct probe *p, const struct storage *storage,
			const struct look_sample *some, bool all, struct seen *s,
			struct outcome *out, struct err *err)
{
	AUTO_FREE char *order =
		all ? xasprintf(" ORDER BY a.pulp_id LIMIT %d", (int)PAGE_ROWS) : xstrdup(sampled);
	bool more = true;

	while (more) {
		AUTO_ROWS struct pg_rows *r = NULL;
		/* Where the files of other domains are, only Pulp can decrypt. */
		AUTO_FREE char *sql = xasprintf(
			"SELECT a.pulp_id, a.file, a.size, a.sha256 FROM core_artifact a%s WHERE a.pulp_id > '%s'"
			" AND a.pulp_domain_id = (SELECT pulp_id FROM core_domain WHERE name = 'default')%s",
			some->clause, s->last, order);

		if (!look_query(p, sql, &r, err))
			return false;
		size_t n = pg_rows_count(r);
		for (size_t i = 0; i < n && !enough(s, all); i++) {
			if (stop_requested())
				return err_set(err, ERR_STOPPED, "stopped before its end");
			if (!look(storage, r, i, s, out, err))
				return false;
		}
		if (n)
			snprintf(s->last, sizeof(s->last), "%s", pg_text(r, n - 1, 0));
		more = all && n == PAGE_ROWS;
	}
	return true;
}

static void judge(const struct seen *s, bool all, struct outcome *out)
{
	double mb = (double)s->bytes / 1e6, seconds = clock_monotonic() - s->began;
	char how[64] = ", in a sample";

	if (all)
		snprintf(how, sizeof(how), ", %.0f MB/s", seconds > 0 ? mb / seconds : 0);
	outcome_count(out, "found", s->bad);
	if (s->bad == 0) {
		outcome_set(out, RESULT_OK,
			    "%lld file(s) of %.1f MB (is|are) what (its|their) digest(s) say(s|)%s",
			    (long long)s->files, mb, how);
		return;
	}
	outcome_set(out, RESULT_FINDING,
		    "%lld of %lld file(s) (does|do) not hash to (its|their) digest%s",
		    (long long)s->bad, (long long)s->files, how);
	outcome_hint(out, "Put them back from a backup. Pulp's repair with verify_checksums "
			  "deletes them, and downloads again only what has a remote.");
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct look_params *o = params;
	struct seen seen = { .began = clock_monotonic(),
			     .last = "00000000-0000-0000-0000-000000000000" };
	struct storage *storage = NULL;
	struct look_sample some;
	struct space space;

	/* A file system that does not answer would hold the checks that follow, too. */
	if (!space_ask(p->place.media_root, answer_within, &space, err) ||
	    !look_sample(p, "core_artifact", SAMPLE_ROWS, o->full, &some, err) ||
	    !storage_open(p->config, &p->place, &storage, err))
		return false;
	bool ok = look_at_all(p, storage, &some, o->full, &seen, out, err);
	storage_close(storage);
	if (ok)
		judge(&seen, o->full, out);
	return ok;
}

const struct check check_pulp_artifacts_digest = {
	.label = "pulp-artifacts-digest",
	.summary = "the files of artifacts hash to their digests",
	.source = "core_artifact, and the files below the media directory",
	.explain =
		"Compares the sha256 of files with core_artifact: of up to 100 random ones of up to 4 MB for a twentieth of "
		"a second, with --full of all, as fast as the disk and one processor can. Files that are missing or have "
		"another size are told by pulp-artifacts-files.",
	.cost = "reads up to 100 files for 0.05 s, with --full every file",
	.tags = (const char *const[]){ "storage", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
