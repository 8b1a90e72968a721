/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pass 1: what is there now is copied before the snapshot is taken, so that hardly anything is left
 * to copy while the site may delete what the snapshot names.  Where there is a backup, it asks only
 * for what has been made since: pass 2 looks for all that the snapshot names, and finds the rest.
 * What is little, and the end of what is much, is left to it as well: it copies while tables are
 * read, and so the disk is at work while the processors are.
 */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"
#include "procedures/backup_artifacts.h"
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

#include <string.h>

/* Bytes that take a few seconds, as the dump does that they are copied beside. */
static const int64_t little = INT64_C(256) << 20;
/* Of a database, dumped in a second by a fast machine: what is left to be copied beside its dump
 * must not make it much longer that the snapshot is held. */
static const double dumped_fast = 150e6;

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char bytes[32];

	(void)params;
	if (!pg_query(p->db, "SELECT count(*), coalesce(sum(size), 0) FROM core_artifact", NULL, 0,
		      &r, err))
		return false;
	*ret = true;
	text_bytes((double)pg_int(r, 0, 1), bytes, sizeof(bytes));
	outcome_set(why, RESULT_OK, "%s artifact(s) of %s; what the store has is not copied again",
		    pg_text(r, 0, 0), bytes);
	return true;
}

/* Also where nothing is to be copied: backup-media comes when the dumps are written. */
static bool look_at_media(const struct probe *p, struct err *err)
{
	struct storage *s = NULL;

	if (!storage_open(p->config, &p->place, &s, err))
		return false;
	storage_close(s);
	return true;
}

/* False: the newest backup cannot be read, or is none of content. */
static bool find_before(const struct repository *r, char ret[BACKUP_ID_SIZE])
{
	AUTO_BACKUP_MANIFEST struct backup_manifest m = { .id = NULL };
	struct err ignored;

	return restore_newest(r, ret, &ignored) && backup_manifest_read(r, ret, &m, &ignored) &&
	       backup_manifest_file(&m, backup_artifacts_name) != NULL;
}

/* Where the site is to stand still, nothing is left to be copied then. */
static bool is_to_stop(const struct backup_job *j)
{
	return strcmp(j->manifest.kind, "online") != 0;
}

static bool is_little(struct pg *db, const char *since, bool *ret, struct outcome *out,
		      struct err *err)
{
	int64_t count, bytes;
	char words[32];

	if (!backup_artifacts_since(db, since, &count, &bytes, err))
		return false;
	*ret = artifacts_need(count, bytes) <= little;
	text_bytes((double)bytes, words, sizeof(words));
	if (*ret)
		outcome_set(out, RESULT_OK,
			    "%lld artifact(s) made lately, %s: so little is copied while the dump "
			    "begins",
			    (long long)count, words);
	return true;
}

/* Seconds that the dump of Pulp's database takes at least. */
static bool least_dump(struct pg *db, double *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, "SELECT pg_database_size(current_database())", NULL, 0, &r, err))
		return false;
	*ret = (double)pg_int(r, 0, 0) / dumped_fast;
	return true;
}

/* "812 of 900 artifact(s) copied, 1.2 GB; ..." */
static void sum_up(const struct copy_tally *t, int64_t of, bool lately, struct outcome *out)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	int64_t lost = t->absent + t->wrong;
	char bytes[32];

	text_bytes((double)t->bytes, bytes, sizeof(bytes));
	strbuf_addf(&b, "%lld of %lld artifact(s)%s copied, %s", (long long)t->files, (long long)of,
		    lately ? " made lately" : "", bytes);
	if (t->left)
		strbuf_addf(&b, "; %lld are copied while the dump begins", (long long)t->left);
	if (lost)
		strbuf_addf(&b, "; %lld could not be had", (long long)lost);
	if (!t->left && !lost)
		strbuf_adds(&b, "; the store had the rest");
	outcome_set(out, RESULT_OK, "%s", b.data);
}

static bool copy(struct actor *a, struct backup_job *j, const struct backup_params *p,
		 const char *since, struct outcome *out, struct err *err)
{
	struct artifacts_pass pass = { .label = procedure_backup_content.label };
	AUTO_ARTIFACTS_SUM struct artifacts_sum sum = { 0 };
	AUTO_COPY_TALLY struct copy_tally tally = { 0 };

	if ((!is_to_stop(j) && !least_dump(a->look->db, &pass.leave, err)) ||
	    !backup_artifacts_list(j, a->look->db, since, &sum, err) ||
	    !backup_artifacts_copy(a, j, p, &sum, &pass, &tally, err))
		return false;
	j->manifest.artifacts.new_count += tally.files;
	j->manifest.artifacts.new_bytes += tally.bytes;
	sum_up(&tally, sum.count, since != NULL, out);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	char before[BACKUP_ID_SIZE];
	struct backup_job *j;

	if (!look_at_media(a->look, err) || !backup_job_get(a, params, &j, err))
		return false;
	bool lately = find_before(j->repository, before), leave = false;
	if (lately && !is_to_stop(j) && !is_little(a->look->db, before, &leave, out, err))
		return false;
	return leave || copy(a, j, params, lately ? before : NULL, out, err);
}

const struct procedure procedure_backup_content = {
	.label = "backup-content",
	.summary = "copy the artifacts that the store of the backups lacks",
	.explain =
		"Artifacts never change and are named by their digest: each is copied once and "
		"shared by all backups, and its digest is checked while it is copied. A run that "
		"was killed is gone on with: what is in the store is not copied again. After the first "
		"backup it is about what has been made since. Of little it leaves the copying to "
		"backup-databases, and of much the last seconds, as long as the dump takes: then the disk "
		"is at work while the processors are.",
	.changes = "adds files to the store of the backups",
	.tags = (const char *const[]){ "backup", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.params = backup_params_table,
	.params_size = sizeof(struct backup_params),
	.needed = needed,
	.run = run,
};
