/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Pulp that is installed here can work on the database of the backup.  What is installed is
 * what has migrated the database in use; Pulp goes neither back nor over the squash of pulpcore
 * 3.70.
 */
#include "lib/core/mem.h"
#include "lib/drivers/pg_conninfo.h"
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

#include <stdlib.h>
#include <string.h>

/* Number of the last migration of an application: "0145_domainize" is 145; -1: not known. */
static long number(const char *name)
{
	return name && *name >= '0' && *name <= '9' ? strtol(name, NULL, 10) : -1;
}

static const char *of(const struct manifest_database *d, const char *app)
{
	for (const struct manifest_pair *m = d->migrations; m && m->key; m++)
		if (strcmp(m->key, app) == 0)
			return m->value;
	return NULL;
}

struct here {
	long core, container;
};

static bool ask(struct pg *db, struct here *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db,
		      "SELECT coalesce(max(name) FILTER (WHERE app = 'core'), ''),"
		      " coalesce(max(name) FILTER (WHERE app = 'container'), '')"
		      " FROM django_migrations WHERE name ~ '^[0-9]{4}_'",
		      NULL, 0, &r, err))
		return false;
	ret->core = number(pg_text(r, 0, 0));
	ret->container = number(pg_text(r, 0, 1));
	return true;
}

/* The release that knows a container migration as its last. */
static const char *release_of(long level, char *out, size_t size)
{
	static const struct {
		int line, level;
	} lines[] = {
#define RELEASE(line, patch, level, from, below, reads) { (line), (level) },
#include "lib/pulp/releases.def"
#undef RELEASE
	};

	(void)snprintf(out, size, "a release that is not known");
	for (size_t i = ARRAY_LEN(lines); i-- > 0;)
		if (lines[i].level == level)
			(void)snprintf(out, size, "pulp_container 2.%d", lines[i].line);
	return out;
}

static void compare(const struct manifest_database *d, const struct here *here, struct outcome *out)
{
	long core = number(of(d, "core")), container = number(of(d, "container"));
	char release[48];
	bool newer = core > here->core || container > here->container;

	if (core == here->core && container == here->container) {
		outcome_set(out, RESULT_OK, "core %04ld and container %04ld, as installed here",
			    core, container);
		return;
	}
	outcome_set(
		out, RESULT_FINDING,
		"the backup is of a%s Pulp: core %04ld and container %04ld, here %04ld and %04ld",
		newer ? " newer" : "n older", core, container, here->core, here->container);
	if (newer)
		outcome_hint(out, "Install %s first; Pulp has no way back to an older schema.",
			     release_of(container, release, sizeof(release)));
	else
		outcome_hint(out,
			     "Install %s and restore, then upgrade from there%s; or "
			     "--whitelist restore-versions and migrate before its services start.",
			     release_of(container, release, sizeof(release)),
			     here->core >= 138 ? ", through pulpcore 3.73 where it is older" : "");
}

static const struct restore_database *pulp_of(const struct restore_job *j)
{
	for (size_t i = 0; i < j->n; i++)
		if (strcmp(j->databases[i].from->feature, "pulp") == 0)
			return &j->databases[i];
	return NULL;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct here here = { .core = -1 };
	AUTO_FREE char *live = NULL;
	struct pg *db = NULL;
	bool ok;

	if (!restore_job_open(a->look, params, &j, err) || !restore_job_ask(&j, err))
		return false;
	const struct restore_database *d = pulp_of(&j);
	if (!d) {
		outcome_set(out, RESULT_OK, "the backup holds no database of Pulp");
		return true;
	}
	if (d->restored || !d->has_live) {
		outcome_set(out, d->restored ? RESULT_OK : RESULT_WARNING, "%s",
			    d->restored ? "the restored database is in use already"
					: "no database of Pulp is here to say what is installed");
		return true;
	}
	if (!pg_conninfo_with(j.server, d->live, &live, err) || !restore_connect(live, &db, err))
		return false;
	ok = ask(db, &here, err);
	pg_close(db);
	if (!ok)
		return false;
	compare(d->from, &here, out);
	return true;
}

const struct procedure procedure_restore_versions = {
	.label = "restore-versions",
	.summary = "the Pulp that is installed can work on the backup",
	.explain = "Compares the last migrations of core and container with those of the database "
		   "in use. A backup of an older Pulp has to be migrated before its services "
		   "start, one of a newer Pulp cannot be used at all.",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.run = run,
};
