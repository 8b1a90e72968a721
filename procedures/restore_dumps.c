/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dumps can be read to their end by the pg_restore that will load them. */
#include "lib/core/mem.h"
#include "procedures/procedures.h"
#include "procedures/restore_tool.h"

#include <string.h>

/* Lines of a listing: "215; 1259 16399 TABLE public core_artifact pulp".  Those of the data. */
static size_t count_data(const char *text)
{
	size_t n = 0;

	for (const char *at = text; at && *at; at = strchr(at, '\n'), at += at != NULL)
		n += strncmp(at, ";", 1) != 0 && strstr(at, " TABLE DATA ") &&
		     strcspn(at, "\n") > (size_t)(strstr(at, " TABLE DATA ") - at);
	return n;
}

static bool test_read(const struct restore_job *j, const struct restore_database *d,
		      const struct probe *p, size_t *tables, struct outcome *out, struct err *err)
{
	AUTO_FREE char *dir =
		repository_backup_path(j->repository, j->manifest.id, d->from->directory);
	const char *const list[] = { "--list", dir, NULL };
	const char *const read[] = { "--file=/dev/null", dir, NULL };
	const char *const *const ways[] = { list, read };
	AUTO_STRBUF struct strbuf listed = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct err why;

		if (restore_tool(p, j->server, d->from->server_version, ways[i],
				 i == 0 ? &listed : NULL, &why))
			continue;
		if (why.code == ERR_STOPPED || why.code == ERR_NOT_FOUND) {
			*err = why;
			return false;
		}
		out->result = RESULT_FINDING;
		outcome_example(out, "%s: %s", d->from->directory, why.text);
		return true;
	}
	*tables += count_data(listed.data);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	size_t tables = 0;

	if (!restore_job_open(a->look, params, &j, err))
		return false;
	for (size_t i = 0; i < j.n; i++)
		if (!test_read(&j, &j.databases[i], a->look, &tables, out, err))
			return false;
	if (out->result == RESULT_FINDING) {
		outcome_set(out, RESULT_FINDING, "pg_restore cannot read a dump to its end");
		outcome_hint(out,
			     "Take another backup: --as-of; `plmaint backup list` shows them.");
	} else {
		outcome_set(out, RESULT_OK, "%zu dump(s) with %zu table(s), read to their ends",
			    j.n, tables);
	}
	return true;
}

const struct procedure procedure_restore_dumps = {
	.label = "restore-dumps",
	.summary = "pg_restore reads the dumps to their ends",
	.explain = "Lists each dump and reads all of its data into nothing: what is damaged, or "
		   "too new for the pg_restore of this host, shows before anything is touched.",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.run = run,
};
