/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first proof: the backup is whole, each of its files is what its manifest says, and the store
 * has every file of Pulp's that it names.
 */
#include "lib/core/mem.h"
#include "lib/store/proof.h"
#include "procedures/procedures.h"
#include "procedures/restore_content.h"

struct telling {
	const struct actor *actor;
	struct outcome *out;
};

static void damage(void *arg, const char *path, enum object_verdict v)
{
	outcome_example(((struct telling *)arg)->out, "%s is %s", path, object_verdict_word(v));
}

static void progress(void *arg, int64_t done, int64_t total, int64_t bytes)
{
	const struct telling *t = arg;

	EMIT(t->actor->reporter, "progress", F_TEXT("label", procedure_restore_backup.label),
	     F_TEXT("phase", "files"), F_INT("done", done), F_INT("total", total),
	     F_INT("bytes", bytes));
}

/* A manifest that leaves out what it is about proves nothing. */
static bool complete(const struct restore_job *j, struct err *err)
{
	const struct backup_manifest *m = &j->manifest;

	if (!restore_skipped(j, "pulp-content") && !restore_has_listing(j, "artifacts.tsv"))
		return err_set(err, ERR_DATA, "the manifest of %s names no artifacts.tsv", m->id);
	for (size_t i = 0; i < m->n_databases; i++) {
		AUTO_FREE char *toc = xasprintf("%s/toc.dat", m->databases[i].directory);

		if (!backup_manifest_file(m, toc))
			return err_set(err, ERR_DATA, "the manifest of %s names no %s", m->id, toc);
	}
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct telling t = { a, out };
	int64_t damaged = 0;
	long threads;

	if (!restore_job_open(a->look, params, &j, err) || !complete(&j, err) ||
	    !config_long(a->look->config, "restore.threads", &threads, err))
		return false;

	const struct proof p = { .repository = j.repository,
				 .manifest = &j.manifest,
				 .threads = threads,
				 .damage = damage,
				 .progress = progress,
				 .arg = &t };

	if (!proof_run(&p, &damaged, err))
		return false;
	if (damaged) {
		outcome_set(out, RESULT_FINDING,
			    "%lld file(s) of backup %s (is|are) damaged or missing",
			    (long long)damaged, j.manifest.id);
		outcome_hint(out,
			     "Take another backup: --as-of; `plmaint backup list` shows them.");
		return true;
	}
	if (restore_skipped(&j, "pulp-content"))
		outcome_set(
			out, RESULT_OK,
			"backup %s of %s, %s: %zu file(s) as written; it was made without content, "
			"which has to be on disk",
			j.manifest.id, j.manifest.host, j.manifest.kind, j.manifest.n_files);
	else
		outcome_set(out, RESULT_OK,
			    "backup %s of %s, %s: %zu file(s) as written, %lld in the store",
			    j.manifest.id, j.manifest.host, j.manifest.kind, j.manifest.n_files,
			    (long long)(j.manifest.artifacts.count + j.manifest.media.count));
	return true;
}

const struct procedure procedure_restore_backup = {
	.label = "restore-backup",
	.summary = "the backup is whole and its files are what its manifest says",
	.explain = "Reads every file of the backup and compares its size and sha256; of what it "
		   "names in the store only the sizes are looked at, its bytes are held against "
		   "their names when they are copied. A backup without a manifest was never "
		   "finished.",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.run = run,
};
