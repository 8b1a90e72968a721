/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One snapshot is the backup: the list of artifacts and the dump are of it, and pass 2 copies what
 * the list names and the store lacks before the dump begins, while it is unlikely that the site has
 * deleted it.  Where it has, a new snapshot does not name it any more.
 */
#include "procedures/backup_databases.h"

#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"
#include "lib/drivers/fs.h"
#include "lib/store/listing.h"
#include "procedures/backup_artifacts.h"
#include "procedures/procedures.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SNAPSHOTS = 5 };
static const double between_snapshots = 1; /* seconds */

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_SOURCES struct dump_sources s = { .n = 0 };

	(void)params;
	if (!dump_sources_find(p, &s, err))
		return false;
	*ret = true;
	outcome_set(why, RESULT_OK, "%zu database%s", s.n, s.n == 1 ? "" : "s");
	for (size_t i = 0; i < s.n; i++)
		outcome_example(why, "%s", s.all[i].feature);
	return true;
}

static bool describe(struct backup_job *j, const struct dump_sources *s, struct err *err)
{
	struct backup_manifest *m = &j->manifest;

	m->databases = xcalloc(s->n, sizeof(*m->databases));
	m->features = xrealloc(m->features, (s->n + 1) * sizeof(*m->features));
	for (size_t i = 0; i < s->n; i++) {
		if (!dump_source_describe(&s->all[i], &m->databases[i], err))
			return false;
		m->features[i] = xstrdup(s->all[i].feature);
		m->features[i + 1] = NULL;
		m->n_databases++;
	}
	m->span_seconds = s->span;
	return true;
}

/* Pass 2.  *lack: of what the snapshot names is not in the store. */
static bool complete(struct actor *a, struct backup_job *j, const struct backup_params *p,
		     struct pg *db, int64_t *lack, struct copy_tally *tally, struct err *err)
{
	AUTO_ARTIFACTS_SUM struct artifacts_sum sum = { 0 };
	AUTO_ARTIFACTS_SUM struct artifacts_sum left = { 0 };
	struct manifest_tally *m = &j->manifest.artifacts;

	copy_tally_release(tally);
	if (!backup_artifacts_list(j, db, NULL, &sum, err) ||
	    !backup_artifacts_copy(a, j, p, &sum, procedure_backup_databases.label, tally, err) ||
	    (sum.lack && !backup_artifacts_sum(j, &left, err)))
		return false;
	m->count = sum.count;
	m->bytes = sum.bytes;
	m->new_count += tally->files;
	m->new_bytes += tally->bytes;
	*lack = left.lack;
	return true;
}

static bool give_up(int64_t lack, const struct copy_tally *tally, struct outcome *out,
		    struct err *err)
{
	for (size_t i = 0; i < tally->n_examples; i++)
		outcome_example(out, "%s", tally->examples[i]);
	(void)err_set(err, ERR_DATA,
		      "%lld artifact(s) that Pulp's database names cannot be had: %s%s",
		      (long long)lack, tally->n_examples ? tally->examples[0] : "",
		      tally->n_examples > 1 ? ", ..." : "");
	return err_hint(err,
			"`plmaint health check --label pulp-artifacts-files` names them, "
			"`plmaint procedure run pulp-artifacts-repair` asks Pulp to fetch them "
			"anew.");
}

/* Snapshots until one names nothing but what the store has; it is held on return. */
static bool settle(struct actor *a, struct backup_job *j, const struct backup_params *p,
		   struct dump_sources *s, struct outcome *out, struct err *err)
{
	AUTO_COPY_TALLY struct copy_tally tally = { 0 };

	for (int i = 1;; i++) {
		int64_t lack = 0;

		if (!dump_sources_freeze(s, err))
			return false;
		j->manifest.snapshots = i;
		if (p->skip_content)
			return true;
		if (!complete(a, j, p, s->all[0].db, &lack, &tally, err))
			return false;
		if (lack == 0)
			return true;
		if (i == MOST_SNAPSHOTS)
			return give_up(lack, &tally, out, err);
		dump_sources_thaw(s);
		if (!stop_wait(between_snapshots))
			return err_set(err, ERR_STOPPED, "stopped before the dump");
	}
}

/* A dump is smaller than its database: indexes are not in it, and it is compressed. */
bool dumps_room(const struct backup_job *j, int64_t bytes, struct err *err)
{
	return backup_room(j, bytes / 2, err);
}

static bool room(const struct backup_job *j, struct err *err)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < j->manifest.n_databases; i++)
		bytes += j->manifest.databases[i].bytes;
	return dumps_room(j, bytes, err);
}

static bool dump_all(struct actor *a, struct backup_job *j, const struct backup_params *p,
		     const struct dump_sources *s, struct dump_tally *tally, struct err *err)
{
	AUTO_FREE char *dir = backup_job_path(j, "databases");

	if (!describe(j, s, err) || !room(j, err) || !fs_mkdirs(dir, 0700, err))
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct manifest_database *d = &j->manifest.databases[i];

		if (!dump_properties(j, &s->all[i], d, err) ||
		    !dump_source_dump(a, j, &s->all[i], d, p, tally, err))
			return false;
	}
	return dump_globals(a, j, &s->all[0], err);
}

/* "2 database(s) dumped, 812 artifact(s) named; ..." */
static void sum_up(const struct backup_job *j, const struct dump_tally *t, struct outcome *out)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	strbuf_addf(&b, "%zu database(s) dumped, %lld artifact(s) named", j->manifest.n_databases,
		    (long long)j->manifest.artifacts.count);
	if (t->taken > 0) {
		char bytes[32];

		text_bytes((double)t->taken_bytes, bytes, sizeof(bytes));
		strbuf_addf(&b, "; %lld of %lld chunks of large tables, %s, are as they were",
			    (long long)t->taken, (long long)t->chunks, bytes);
	}
	if (j->manifest.snapshots > 1)
		strbuf_addf(&b, "; what was deleted meanwhile took %ld snapshot(s)",
			    j->manifest.snapshots);
	outcome_set(out, RESULT_OK, "%s", b.data);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct backup_params *p = params;
	AUTO_SOURCES struct dump_sources s = { .n = 0 };
	struct dump_tally tally = { .chunks = 0 };
	struct backup_job *j;

	if (!dump_sources_find(a->look, &s, err) || !backup_job_get(a, p, &j, err) ||
	    !settle(a, j, p, &s, out, err) || !dump_all(a, j, p, &s, &tally, err))
		return false;
	EMIT(a->reporter, "dump", F_INT("databases", s.n), F_INT("chunks", tally.chunks),
	     F_INT("chunks_taken", tally.taken), F_INT("bytes", tally.bytes),
	     F_INT("bytes_taken", tally.taken_bytes));
	sum_up(j, &tally, out);
	return true;
}

const struct procedure procedure_backup_databases = {
	.label = "backup-databases",
	.summary = "dump the databases of one moment, with all that they name",
	.explain =
		"One exported snapshot for each database serves the list of artifacts and a parallel "
		"pg_dump. What the list names and the store lacks is copied before the dump begins; an "
		"artifact that has been deleted since costs a new snapshot, five at most. Large tables "
		"are read in chunks of their pages, and chunks that are as the newest backup has them "
		"are taken from it: each dump is whole all the same, and pg_restore needs no other.",
	.changes = "adds dumps to the backup and files to its store",
	.tags = (const char *const[]){ "backup", NULL },
	.needs = NEED_DB | NEED_SETTINGS,
	.params = backup_params_table,
	.params_size = sizeof(struct backup_params),
	.needed = needed,
	.run = run,
};
