/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packages that were replaced without a migrate serve from a database that is older than they are.
 * Asked are the files of the installed Pulp and not Pulp, which takes seconds to answer: beside
 * pulpcore-manager stand the migrations that it would run.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/pulp/contained.h"
#include "lib/pulp/look.h"
#include "lib/pulp/program.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A squashed one stands for others, which have files or names of their own. */
static const char squashed[] = "_squashed_";
static const struct {
	const char *package, *app;
} apps[] = {
	{ "pulpcore", "core" },
	{ "pulp_container", "container" },
};

/* Where images have their Python, below the root of a process in Pulp's container. */
static const char *const inside[] = { "usr/local", "usr", "opt/pulp", "usr/local/lib/pulp" };

static bool find_inside(char **ret)
{
	AUTO_CONTAINED struct contained in;

	contained_find(&in);
	for (size_t i = 0; in.pid && i < ARRAY_LEN(inside); i++) {
		AUTO_FREE char *prefix = xasprintf("/proc/%d/root/%s", (int)in.pid, inside[i]);
		AUTO_FREE char *program = xasprintf("%s/bin/pulpcore-manager", prefix);

		if (access(program, F_OK) == 0) {
			*ret = TAKE(prefix);
			return true;
		}
	}
	return false;
}

/* What is below the place of pulpcore-manager; false where there is none, or no Python beside it.
 */
static bool find_prefix(const struct probe *p, char **ret)
{
	struct err ignored;

	if (p->place.settings_inside)
		return find_inside(ret);
	AUTO_FREE char *program = pulp_program_find(p->config, "pulpcore-manager", &ignored);
	AUTO_FREE char *real = program ? realpath(program, NULL) : NULL;
	char *slash = real ? strrchr(real, '/') : NULL;

	for (int up = 0; slash && up < 2; up++) {
		*slash = '\0';
		slash = up == 0 ? strrchr(real, '/') : slash;
	}
	*ret = slash ? TAKE(real) : NULL;
	return *ret != NULL;
}

/* "core 0117_task_unblocked_at" for each file of one package. */
static size_t add_names(const char *prefix, const char *package, const char *app,
			struct pg_array *names)
{
	AUTO_FREE char *pattern =
		xasprintf("%s/lib/python3*/{site,dist}-packages/%s/app/migrations/[0-9]*_*.py",
			  prefix, package);
	glob_t files = { 0 };
	size_t n = 0;

	if (glob(pattern, GLOB_BRACE | GLOB_NOSORT, NULL, &files) == 0) {
		for (size_t i = 0; i < files.gl_pathc; i++) {
			const char *name = strrchr(files.gl_pathv[i], '/') + 1;
			int len = (int)(strlen(name) - strlen(".py"));

			if (strstr(name, squashed))
				continue;
			AUTO_FREE char *whole = xasprintf("%s %.*s", app, len, name);
			pg_array_bytes(names, whole, strlen(whole));
			n++;
		}
	}
	globfree(&files);
	return n;
}

static bool judge(const struct pg_rows *r, size_t files, struct outcome *out)
{
	size_t n = pg_rows_count(r);

	outcome_count(out, "found", (int64_t)n);
	for (size_t i = 0; i < n; i++)
		outcome_example(out, "%s", pg_text(r, i, 0));
	if (n == 0) {
		outcome_set(out, RESULT_OK,
			    "all %zu migration(s) of the installed Pulp (was|were) applied", files);
		return true;
	}
	outcome_set(out, RESULT_FINDING,
		    "%zu migration(s) of the installed Pulp (was|were) not applied", n);
	outcome_hint(out, "Stop Pulp's services, ask `plmaint upgrade check`, and run "
			  "`pulpcore-manager migrate` as Pulp's user.");
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *prefix = NULL;
	struct pg_array names;
	size_t files = 0;

	(void)params;
	pg_array_init(&names, PG_TEXT);
	for (size_t i = 0; i < ARRAY_LEN(apps) && (prefix || find_prefix(p, &prefix)); i++)
		files += add_names(prefix, apps[i].package, apps[i].app, &names);

	const struct pg_param wanted[] = { pg_array_param(&names, PG_TEXT_ARRAY) };
	bool ok = files == 0 ||
		  pg_query(p->db,
			   "SELECT name FROM unnest($1::text[]) AS n (name) EXCEPT"
			   " SELECT app || ' ' || name FROM django_migrations ORDER BY 1",
			   wanted, 1, &r, err);

	pg_array_release(&names);
	if (ok && files == 0)
		outcome_set(out, RESULT_SKIPPED, "no Pulp is installed beside a pulpcore-manager");
	return ok && (files == 0 || judge(r, files, out));
}

const struct check check_pulp_migrations_applied = {
	.label = "pulp-migrations-applied",
	.summary = "the installed Pulp has migrated its database",
	.source = "django_migrations, and the files of Pulp's packages",
	.explain =
		"Compares the files of the migrations of pulpcore and pulp_container, below the "
		"lib/python3* that stands beside pulpcore-manager (pulp.manager), with "
		"django_migrations. `pulpcore-manager migrate --check` asks the same of all plugins.",
	.tags = (const char *const[]){ "default", "database", NULL },
	.needs = NEED_DB,
	.run = run,
};
