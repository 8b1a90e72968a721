/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manifest makes the backup: it is written last, after one syncfs that makes durable all that
 * the steps before have written, dumps and names of objects alike.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "procedures/backup_digests.h"
#include "procedures/backup_job.h"
#include "procedures/procedures.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool add_files(struct backup_job *j, char *dir, struct err *err)
{
	char *paths[] = { dir, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	struct backup_manifest *m = &j->manifest;
	bool ok = tree || err_errno(err, "cannot read %s", dir);

	for (FTSENT *e; ok && (e = fts_read(tree)) != NULL;) {
		if (e->fts_info != FTS_F)
			continue;
		m->files = xrealloc(m->files, (m->n_files + 1) * sizeof(*m->files));
		struct manifest_file *f = &m->files[m->n_files++];
		*f = (struct manifest_file){ .path = xstrdup(e->fts_path + strlen(dir) + 1),
					     .size = e->fts_statp->st_size };
	}
	if (tree)
		fts_close(tree);
	return ok;
}

/* While some read what was written, the disk is made to have it. */
static bool seal_files(const struct config *config, struct backup_job *j, struct err *err)
{
	AUTO_FREE char *dir = backup_job_path(j, NULL);
	struct backup_manifest *m = &j->manifest;
	struct digests *digests;
	struct err read;

	if (!add_files(j, dir, err) ||
	    !digests_begin(config, dir, m->files, m->n_files, &digests, err))
		return false;
	bool durable = repository_sync(j->repository, err);

	if (digests_end(digests, &read))
		return durable;
	*err = read;
	return false;
}

/* What the services' heartbeats say that they run; a site may have none.  Older releases have a
 * table for each kind of service, newer ones one for all. */
static void add_versions(const struct probe *p, struct backup_manifest *m)
{
	AUTO_ROWS struct pg_rows *at = NULL;
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (!pg_query(p->db,
		      "SELECT relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
		      " WHERE c.oid IN (to_regclass('core_appstatus'), to_regclass('core_worker'))"
		      " AND a.attname = 'versions' ORDER BY relname LIMIT 1",
		      NULL, 0, &at, &ignored) ||
	    pg_rows_count(at) == 0)
		return;
	AUTO_FREE char *sql = xasprintf("SELECT e.key, max(e.value) FROM %s a, each(a.versions) e"
					" GROUP BY e.key ORDER BY e.key",
					pg_text(at, 0, 0));
	if (!pg_query(p->db, sql, NULL, 0, &r, &ignored))
		return;
	m->versions = xcalloc(pg_rows_count(r) + 1, sizeof(*m->versions));
	for (size_t i = 0; i < pg_rows_count(r); i++)
		m->versions[i] = (struct manifest_pair){ .key = xstrdup(pg_text(r, i, 0)),
							 .value = xstrdup(pg_text(r, i, 1)) };
}

/* The path of an artifact has only the id of its domain, and a host knows directories by name. */
static void add_domains(const struct probe *p, struct backup_manifest *m)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (!pg_query(p->db, "SELECT pulp_id, name FROM core_domain WHERE name <> 'default'", NULL,
		      0, &r, &ignored))
		return;
	m->domains = xcalloc(pg_rows_count(r) + 1, sizeof(*m->domains));
	for (size_t i = 0; i < pg_rows_count(r); i++)
		m->domains[i] = (struct manifest_pair){ .key = xstrdup(pg_text(r, i, 0)),
							.value = xstrdup(pg_text(r, i, 1)) };
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct backup_job *j;
	char now[32], bytes[32];

	if (!backup_job_get(a, params, &j, err))
		return false;
	if (j->manifest.n_databases == 0)
		return err_set(err, ERR_USAGE,
			       "no database was dumped, so there is no backup to "
			       "finish");
	if (a->look->place.encryption_key)
		j->manifest.encryption_key = xstrdup(a->look->place.encryption_key);
	add_versions(a->look, &j->manifest);
	add_domains(a->look, &j->manifest);
	if (!seal_files(a->look->config, j, err))
		return false;
	clock_rfc3339(clock_wall(), now, sizeof(now));
	j->manifest.ended = xstrdup(now);
	if (!backup_manifest_write(j->repository, &j->manifest, err) || !backup_job_tidy(j, err))
		return false;
	EMIT(a->reporter, "backup", F_TEXT("id", j->id), F_TEXT("state", "whole"),
	     F_TEXT("kind", j->manifest.kind), F_TEXT("started", j->manifest.started),
	     F_INT("artifacts", j->manifest.artifacts.count),
	     F_INT("bytes", j->manifest.artifacts.bytes + j->manifest.media.bytes),
	     F_INT("new_artifacts", j->manifest.artifacts.new_count),
	     F_INT("new_bytes", j->manifest.artifacts.new_bytes),
	     F_INT("snapshots", j->manifest.snapshots), F_REAL("downtime", j->downtime));
	text_bytes((double)j->manifest.artifacts.new_bytes, bytes, sizeof(bytes));
	outcome_set(out, RESULT_OK, "backup %s is whole: %lld artifact(s), %lld of them new, %s",
		    j->id, (long long)j->manifest.artifacts.count,
		    (long long)j->manifest.artifacts.new_count, bytes);
	return true;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	(void)p, (void)params, (void)err;
	*ret = true;
	outcome_set(why, RESULT_OK, "until then it is unfinished");
	return true;
}

const struct procedure procedure_backup_finish = {
	.label = "backup-finish",
	.summary = "write the manifest, which makes the backup whole",
	.explain =
		"Everything is durable before it is written, and it is put in place by rename. What "
		"earlier runs have left unfinished is removed afterwards.",
	.changes = "adds the manifest; removes unfinished backups",
	.tags = (const char *const[]){ "backup", NULL },
	.needs = NEED_DB,
	.params = backup_params_table,
	.params_size = sizeof(struct backup_params),
	.needed = needed,
	.run = run,
};
