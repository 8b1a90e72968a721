/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything that a later step of a backup would refuse for, before anything is written: hours of
 * copying that end at a missing key help nobody.  All that is wrong is told at once; the repository
 * comes last, since to open it is to make it.
 */
#include "procedures/backup_ready.h"

#include "procedures/backup_databases.h"
#include "procedures/procedures.h"

static const struct opt params_table[] = {
	{ .name = "dir",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct backup_ready_params, backup.dir),
	  .arg = "DIR",
	  .help = "directory of the backups" },
	BACKUP_FEATURES_ROWS(struct backup_ready_params, config.),
	OPTS_END,
};

/* What is in the way: the first as an error, each as an example. */
struct looking {
	struct outcome *out;
	struct err first;
	size_t n;
};

static void found(struct looking *l, const struct err *err)
{
	if (l->n++ == 0)
		l->first = *err;
	outcome_example(l->out, "%s", err->text);
}

/* The dumps; what the artifacts take is counted when they are, before the first is copied. */
static bool repository(struct actor *a, const struct backup_params *p, int64_t bytes,
		       struct err *err)
{
	struct backup_job *j;

	return backup_job_get(a, p, &j, err) && dumps_room(j, bytes, err);
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	(void)p, (void)params, (void)err;
	*ret = true;
	outcome_set(why, RESULT_OK, "the key, the databases, the programs, the directory");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct backup_ready_params *o = params;
	const struct probe *p = a->look;
	struct looking l = { .out = out };
	AUTO_SOURCES struct dump_sources s = { .n = 0 };
	int64_t bytes = 0;

	if (!backup_config_ready(p, &o->config, err))
		found(&l, err);
	if (!dump_sources_find(p, &s, err))
		found(&l, err);
	for (size_t i = 0; i < s.n; i++)
		if (!dump_source_ready(p, &s.all[i], &bytes, err))
			found(&l, err);
	if (l.n == 0 && !repository(a, &o->backup, bytes, err))
		found(&l, err);
	if (l.n > 0) {
		*err = l.first;
		return false;
	}
	outcome_set(out, RESULT_OK, "nothing is in the way of a backup of %zu database%s", s.n,
		    s.n == 1 ? "" : "s");
	return true;
}

const struct procedure procedure_backup_ready = {
	.label = "backup-ready",
	.summary = "look for all that would end a backup half way",
	.explain =
		"Pulp's encryption key, the recipient of the encryption, the features that are named, "
		"the databases with the right to read all of them, programs for their versions, the "
		"directory and its room. Everything that is wrong is told at once, before anything is "
		"copied; the media is looked at by backup-content.",
	.changes = "makes the directory of the backups where it is missing",
	.tags = (const char *const[]){ "backup", NULL },
	.needs = NEED_DB | NEED_SETTINGS,
	.params = params_table,
	.params_size = sizeof(struct backup_ready_params),
	.needed = needed,
	.run = run,
};
