/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows outlive their files where a restore, a copy or an unmounted disk has left a gap; clients
 * then get an error for a layer that Pulp believes to have. */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/space.h"
#include "lib/pulp/look.h"
#include "lib/pulp/storage.h"

#include <stdio.h>

enum { SAMPLE_ROWS = 500, PAGE_ROWS = 5000 };
static const double answer_within = 3.0; /* seconds, of the file system */

struct seen {
	double began;
	int64_t looked, bad;
	char last[40]; /* uuid: where the next page begins */
};

static void look(const struct storage *storage, const struct pg_rows *r, struct seen *s,
		 struct outcome *out)
{
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		const char *file = pg_text(r, i, 1);
		int64_t size, changed;
		bool there = storage_stat(storage, NULL, file, &size, &changed);

		snprintf(s->last, sizeof(s->last), "%s", pg_text(r, i, 0));
		s->looked++;
		if (there && size == pg_int(r, i, 2))
			continue;
		s->bad++;
		outcome_example(out, "%s: %s", file, there ? "another size" : "no file");
	}
}

/* A sample is one page: another draw would be another sample. */
static bool look_at_all(const struct probe *p, const struct storage *storage, const char *sample,
			struct seen *s, struct outcome *out, struct err *err)
{
	bool more = true;

	while (more) {
		AUTO_ROWS struct pg_rows *r = NULL;
		/* Where the files of other domains are, only Pulp can decrypt. */
		AUTO_FREE char *sql = xasprintf(
			"SELECT a.pulp_id, a.file, a.size FROM core_artifact a%s WHERE a.pulp_id > '%s'"
			" AND a.pulp_domain_id = (SELECT pulp_id FROM core_domain WHERE name = 'default')"
			" ORDER BY a.pulp_id LIMIT %d",
			sample, s->last, (int)PAGE_ROWS);

		if (!look_query(p, sql, &r, err))
			return false;
		look(storage, r, s, out);
		more = pg_rows_count(r) == PAGE_ROWS && !*sample;
	}
	return true;
}

static void judge(const struct seen *s, const struct look_params *o, const char *among,
		  struct outcome *out)
{
	char rate[48];

	look_rate(o, s->looked, s->began, rate);
	outcome_count(out, "found", s->bad);
	if (s->bad == 0) {
		outcome_set(out, RESULT_OK, "%lld artifact(s) (has|have) (its|their) files%s%s%s",
			    (long long)s->looked, *among ? ", " : "", among, rate);
		return;
	}
	outcome_set(out, RESULT_FINDING,
		    "%lld of %lld artifact(s) (has|have) no file of (its|their) size%s",
		    (long long)s->bad, (long long)s->looked, rate);
	outcome_hint(out, "Put them back from a backup, or let `pulp repository version repair` "
			  "download what has a remote.");
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct look_params *o = params;
	struct seen seen = { .began = clock_monotonic(),
			     .last = "00000000-0000-0000-0000-000000000000" };
	struct storage *storage = NULL;
	struct look_sample sample;
	struct space space;

	/* A file system that does not answer would hold the checks that follow, too. */
	if (!space_ask(p->place.media_root, answer_within, &space, err) ||
	    !look_sample(p, "core_artifact", SAMPLE_ROWS, o->full, &sample, err) ||
	    !storage_open(p->config, &p->place, &storage, err))
		return false;
	bool ok = look_at_all(p, storage, sample.clause, &seen, out, err);
	storage_close(storage);
	if (ok)
		judge(&seen, o, sample.among, out);
	return ok;
}

const struct check check_pulp_artifacts_files = {
	.label = "pulp-artifacts-files",
	.summary = "the files of artifacts are there and have their size",
	.source = "core_artifact, and the files below the media directory",
	.explain = "Looks at names and sizes, opens nothing. `pulp repository version repair` also "
		   "reads them.",
	.cost = "asks for 500 files, with --full for every one",
	.tags = (const char *const[]){ "storage", NULL },
	.remedies = (const char *const[]){ "pulp-artifacts-repair", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
