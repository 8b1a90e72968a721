/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One statement, its rows in words, its errors in the operator's terms. */
#include "lib/pulp/look.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct opt look_params_table[] = {
	{ .name = "full",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct look_params, full),
	  .help = "all rows and not a sample" },
	OPTS_END,
};

static const char *next_word(const char *list, char *word, size_t size)
{
	list += strspn(list, " ");
	snprintf(word, size, "%.*s", (int)strcspn(list, " "), list);
	return list + strlen(word);
}

/* Names the tables of the statement that the role may not read: the server names one at most, in
 * its own language. */
static bool say_denied(const struct pulp_columns *c, const char *sql, struct err *err)
{
	AUTO_STRBUF struct strbuf tables = { 0 };
	char word[64];

	for (const char *at = next_word(c->denied, word, sizeof word); *word;
	     at = next_word(at, word, sizeof word)) {
		const char *found = strstr(sql, word);
		size_t len = strlen(word);

		/* core_content is no part of core_contentartifact. */
		while (found && (found[len] == '_' || (found[len] >= 'a' && found[len] <= 'z')))
			found = strstr(found + 1, word);
		if (found)
			strbuf_addf(&tables, "%s%s", tables.len ? ", " : "", word);
	}
	if (!tables.len)
		return false;
	(void)err_set(err, ERR_DENIED, "role %s may not read %s: SELECT is missing", c->role,
		      tables.data);
	return err_hint(err, "Connect as Pulp's own role, or let it run: GRANT SELECT ON %s TO %s.",
			tables.data, c->role);
}

/* sql with what stands in place of word; the caller frees. */
static char *with(const char *sql, const char *word, const char *instead)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	const char *found;

	for (; (found = strstr(sql, word)); sql = found + strlen(word)) {
		strbuf_add(&out, sql, (size_t)(found - sql));
		strbuf_adds(&out, instead);
	}
	strbuf_adds(&out, sql);
	return xstrdup(out.data);
}

bool look_query(const struct probe *p, const char *statement, struct pg_rows **ret, struct err *err)
{
	static const char word[] = "{heartbeats}";
	AUTO_FREE char *heartbeats = NULL, *sql = NULL;
	const struct pulp_columns *c;

	if (!pulp_columns_known(p, &c, err))
		return false;
	if (strstr(statement, word) && !(heartbeats = pulp_heartbeats(p, c, err)))
		return false;
	sql = with(statement, word, heartbeats ? heartbeats : "");
	if (pg_query(p->db, sql, NULL, 0, ret, err))
		return true;
	if (err->code == ERR_DENIED)
		return say_denied(c, sql, err);
	if (strcmp(err->native, "57014") != 0)
		return false;
	(void)err_set(err, ERR_TIMEOUT, "the database did not answer in time");
	return err_hint(err, "Something may hold a lock on the table; health.timeout says how long "
			     "is waited.");
}

bool look_possible(const struct probe *p, const char *needs, bool *possible, struct outcome *out,
		   struct err *err)
{
	const struct pulp_columns *c;
	char word[64];

	if (!pulp_columns_known(p, &c, err))
		return false;
	*possible = true;
	for (const char *at = next_word(needs, word, sizeof word); *word && *possible;
	     at = next_word(at, word, sizeof word)) {
		*possible = pulp_has(c, word);
		if (!*possible)
			outcome_set(out, RESULT_SKIPPED, "this Pulp has no %s", word);
	}
	return true;
}

/* among: "in a sample of ...", behind either message, or "". */
static bool look(const struct probe *p, const struct look *l, const char *sql, const char *among,
		 struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const char *blank = *among ? " " : "";
	bool possible;

	if (!look_possible(p, l->needs, &possible, out, err))
		return false;
	if (!possible)
		return true;
	if (!look_query(p, sql, &r, err))
		return false;
	int64_t n = pg_rows_count(r) ? pg_int(r, 0, 1) : 0;
	outcome_count(out, "found", n);
	if (n == 0) {
		outcome_set(out, RESULT_OK, "%s%s%s", l->sound, blank, among);
		return true;
	}
	outcome_set(out, l->bad, "%lld %s%s%s", (long long)n, l->found, blank, among);
	outcome_hint(out, "%s", l->hint);
	for (size_t i = 0; i < pg_rows_count(r); i++)
		outcome_example(out, "%s", pg_text(r, i, 0));
	return true;
}

bool look_for(const struct probe *p, const struct look *l, struct outcome *out, struct err *err)
{
	return look(p, l, l->sql, "", out, err);
}

bool look_in_sample(const struct probe *p, const struct look *l, const struct look_params *o,
		    struct outcome *out, struct err *err)
{
	struct look_sample sample;

	if (!look_sample(p, l->sample_of, l->sample_rows, o->full, &sample, err))
		return false;
	AUTO_FREE char *sql = with(l->sql, "{sample}", sample.clause);
	return look(p, l, sql, sample.among, out, err);
}

bool look_sample(const struct probe *p, const char *table, long rows, bool full,
		 struct look_sample *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const struct pg_param name[] = { PG_P_TEXT(table) };

	*ret = (struct look_sample){ 0 };
	if (full)
		return true;
	if (!pg_query(p->db,
		      "SELECT reltuples::int8 FROM pg_catalog.pg_class"
		      " WHERE oid = pg_catalog.to_regclass($1)",
		      name, 1, &r, err))
		return err_wrap(err, "while asking for the size of %s", table);
	/* -1: never analysed, or not there at all. */
	int64_t all = pg_rows_count(r) ? pg_int(r, 0, 0) : 0;
	if (all <= rows)
		return true;
	double percent = 100.0 * (double)rows / (double)all;
	snprintf(ret->clause, sizeof ret->clause, " TABLESAMPLE SYSTEM (%.6f) REPEATABLE (%.0f)",
		 percent, fmod(clock_monotonic() * 1e6, 1e6));
	snprintf(ret->among, sizeof ret->among, "in a sample of about %.2g %% of %s", percent,
		 table);
	return true;
}

void look_rate(const struct look_params *o, int64_t n, double began, char ret[48])
{
	double seconds = clock_monotonic() - began;

	*ret = '\0';
	if (o->full && seconds > 0)
		snprintf(ret, 48, ", %.0f a second", (double)n / seconds);
}
