/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One snapshot is the backup: the list of artifacts and the dump are of it, and pass 2 copies what
 * the list names and the store lacks at once, while it is unlikely that the site has deleted it.
 * Where it has, a new snapshot does not name it any more.  The first database's large tables are
 * read meanwhile: the dump of a snapshot that is given up is given up with it.
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

	backup_manifest_drop_databases(m);
	m->databases = xcalloc(s->n, sizeof(*m->databases));
	for (; m->n_databases < s->n; m->n_databases++)
		if (!dump_source_describe(&s->all[m->n_databases], &m->databases[m->n_databases],
					  err))
			return false;
	m->span_seconds = s->span;
	return true;
}

static void name_features(struct backup_manifest *m, const struct dump_sources *s)
{
	m->features = xrealloc(m->features, (s->n + 1) * sizeof(*m->features));
	for (size_t i = 0; i < s->n; i++)
		m->features[i] = xstrdup(s->all[i].feature);
	m->features[s->n] = NULL;
}

static int64_t bytes_of_all(const struct backup_job *j)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < j->manifest.n_databases; i++)
		bytes += j->manifest.databases[i].bytes;
	return bytes;
}

/* A dump is smaller than its database: indexes are not in it, and it is compressed. */
static int64_t bytes_dumped(int64_t bytes)
{
	return bytes / 2;
}

bool dumps_room(const struct backup_job *j, int64_t bytes, struct err *err)
{
	return backup_room(j, bytes_dumped(bytes), err);
}

/* Of the snapshots that are held.  The first database comes first in the order of dumps, too. */
static bool begin(struct actor *a, struct backup_job *j, const struct backup_params *p,
		  const struct dump_sources *s, struct dump **first, struct err *err)
{
	AUTO_FREE char *dir = backup_job_path(j, "databases");

	return describe(j, s, err) && dumps_room(j, bytes_of_all(j), err) &&
	       fs_mkdirs(dir, 0700, err) &&
	       dump_begin(a, j, &s->all[0], &j->manifest.databases[0], p, first, err);
}

/* Whether there is room for the artifacts and for what is still to come of the dumps. */
static bool room_beside(const struct backup_job *j, const struct artifacts_sum *sum,
			const struct dump *first, struct err *err)
{
	int64_t left = bytes_dumped(bytes_of_all(j)) - dump_bytes(first);

	return sum->lack == 0 ||
	       backup_room(j, artifacts_need(sum->lack, sum->lack_bytes) + (left > 0 ? left : 0),
			   err);
}

/* Pass 2.  *lack: of what the snapshot names is not in the store. */
static bool complete(struct actor *a, struct backup_job *j, const struct backup_params *p,
		     struct pg *db, const struct dump *first, int64_t *lack,
		     struct copy_tally *tally, struct err *err)
{
	AUTO_ARTIFACTS_SUM struct artifacts_sum sum = { 0 };
	AUTO_ARTIFACTS_SUM struct artifacts_sum left = { 0 };
	const struct artifacts_pass pass = { .label = procedure_backup_databases.label };
	struct manifest_tally *m = &j->manifest.artifacts;

	copy_tally_release(tally);
	if (!backup_artifacts_list(j, db, NULL, &sum, err) || !room_beside(j, &sum, first, err) ||
	    !backup_artifacts_copy(a, j, p, &sum, &pass, tally, err))
		return false;
	/* What could not be had by one row may have come by another one of the same digest. */
	if (tally->absent + tally->wrong > 0 && !backup_artifacts_sum(j, &left, err))
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

/* Snapshots until one names nothing but what the store has; it is held on return, and the dump of
 * the first database has begun. */
static bool settle(struct actor *a, struct backup_job *j, const struct backup_params *p,
		   struct dump_sources *s, struct dump **first, struct outcome *out,
		   struct err *err)
{
	AUTO_COPY_TALLY struct copy_tally tally = { 0 };

	for (int i = 1;; i++) {
		int64_t lack = 0;

		if (!dump_sources_freeze(s, err) || !begin(a, j, p, s, first, err))
			return false;
		j->manifest.snapshots = i;
		if (p->skip_content)
			return true;
		if (!complete(a, j, p, s->all[0].db, *first, &lack, &tally, err))
			return false;
		if (lack == 0)
			return true;
		if (i == MOST_SNAPSHOTS)
			return give_up(lack, &tally, out, err);
		if (!dump_undo(TAKE(*first), err))
			return false;
		dump_sources_thaw(s);
		if (!stop_wait(between_snapshots))
			return err_set(err, ERR_STOPPED, "stopped before the dump");
	}
}

/* first: has begun, and is gone in either case. */
static bool dump_all(struct actor *a, struct backup_job *j, const struct backup_params *p,
		     const struct dump_sources *s, struct dump **first, struct dump_tally *tally,
		     struct err *err)
{
	if (!dump_globals(*first, err))
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct manifest_database *d = &j->manifest.databases[i];

		if (!dump_properties(j, &s->all[i], d, err) ||
		    (i > 0 && !dump_begin(a, j, &s->all[i], d, p, first, err)) ||
		    !dump_end(TAKE(*first), tally, err))
			return false;
	}
	return true;
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
	AUTO_DUMP struct dump *first = NULL; /* released before the sources that it is of */
	struct dump_tally tally = { .chunks = 0 };
	struct backup_job *j;

	if (!dump_sources_find(a->look, &s, err) || !backup_job_get(a, p, &j, err) ||
	    !settle(a, j, p, &s, &first, out, err) || !dump_all(a, j, p, &s, &first, &tally, err))
		return false;
	name_features(&j->manifest, &s);
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
		"pg_dump. What the list names and the store lacks is copied at once, while large tables are "
		"read; an artifact that has been deleted since costs a new snapshot, five at most. Large tables "
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
