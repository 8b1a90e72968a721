/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Before the site stands still for an offline backup: for how long that will be. */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "procedures/backup_databases.h"
#include "procedures/procedures.h"

/* Bytes of a database that two processes of pg_dump take in a second, on slow and on fast machines,
 * and the seconds in which services stop and start. */
static const double slow = 15e6, fast = 150e6, services_fast = 5, services_slow = 60;

/* Of all databases; one that cannot be asked is told by the step that dumps it. */
static int64_t bytes_of_all(const struct probe *p)
{
	AUTO_SOURCES struct dump_sources s = { .n = 0 };
	int64_t sum = 0;
	struct err ignored;

	if (!dump_sources_find(p, &s, &ignored))
		return 0;
	for (size_t i = 0; i < s.n; i++) {
		AUTO_ROWS struct pg_rows *r = NULL;
		const struct pg_options o = { .conninfo = s.all[i].conninfo,
					      .application_name = "plmaint:backup:size",
					      .read_only = true };
		struct pg *db = NULL;

		if (pg_connect(&o, &db, &ignored) &&
		    pg_query(db, "SELECT pg_database_size(current_database())", NULL, 0, &r,
			     &ignored))
			sum += pg_int(r, 0, 0);
		pg_close(db);
	}
	return sum;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	double bytes = (double)bytes_of_all(p);
	char least[32], most[32];

	(void)params, (void)err;
	clock_in_words(services_fast + bytes / fast, least, sizeof(least));
	clock_in_words(services_slow + bytes / slow, most, sizeof(most));
	*ret = true;
	outcome_set(why, RESULT_OK, "the services will be stopped for %s to %s", least, most);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct backup_job *j;
	bool ignored;

	if (!backup_job_get(a, params, &j, err) || !needed(a->look, params, &ignored, out, err))
		return false;
	j->closed = clock_monotonic();
	return true;
}

const struct procedure procedure_backup_close = {
	.label = "backup-close",
	.summary = "say how long the site will stand still for the backup",
	.explain = "By the size of the databases: artifacts have been copied before.",
	.tags = (const char *const[]){ "backup", NULL },
	.needs = NEED_SETTINGS,
	.params = backup_params_table,
	.params_size = sizeof(struct backup_params),
	.needed = needed,
	.run = run,
};
