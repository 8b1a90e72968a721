/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of databases: what restores have left on a server, and many renamed at once. */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/pg_conninfo.h"
#include "procedures/restore_job.h"

#include <stdlib.h>
#include <string.h>

static const double patience = 5; /* seconds for sessions that are about to end */

static bool ends_with_id(const char *name, const char *word, size_t *ret_len, char id[])
{
	size_t tail = strlen(word) + BACKUP_ID_SIZE - 1, len = strlen(name);

	if (len <= tail || strncmp(name + len - tail, word, strlen(word)) != 0 ||
	    !backup_id_valid(name + len - (BACKUP_ID_SIZE - 1)))
		return false;
	*ret_len = len - tail;
	memcpy(id, name + len - (BACKUP_ID_SIZE - 1), BACKUP_ID_SIZE);
	return true;
}

bool restore_left_name(const char *name)
{
	char id[BACKUP_ID_SIZE];
	size_t len;

	return ends_with_id(name, "_restore_", &len, id) ||
	       ends_with_id(name, "_before_", &len, id);
}

static struct restore_left *add(struct restore_lefts *l, const char *live, size_t len,
				const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->all[i].live) == len && strncmp(l->all[i].live, live, len) == 0 &&
		    strcmp(l->all[i].id, id) == 0)
			return &l->all[i];
	l->all = xrealloc(l->all, (l->n + 1) * sizeof(*l->all));
	struct restore_left *one = &l->all[l->n++];

	*one = (struct restore_left){ .live = xstrndup(live, len) };
	memcpy(one->id, id, BACKUP_ID_SIZE);
	one->fresh = xasprintf("%s_restore_%s", one->live, id);
	one->old = xasprintf("%s_before_%s", one->live, id);
	return one;
}

/* "plmaint restored ID of UUID", and on further lines what else the comment says */
static bool id_of_mark(const char *mark, char id[BACKUP_ID_SIZE])
{
	static const char head[] = "plmaint restored ";

	if (strncmp(mark, head, sizeof(head) - 1) != 0)
		return false;
	(void)snprintf(id, BACKUP_ID_SIZE, "%s", mark + sizeof(head) - 1);
	return backup_id_valid(id);
}

bool restore_left_find(struct pg *db, struct restore_lefts *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_LEFTS struct restore_lefts l = { .n = 0 };
	char id[BACKUP_ID_SIZE];
	size_t len;

	if (!pg_query(db,
		      "SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '')"
		      " FROM pg_database ORDER BY 1",
		      NULL, 0, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		const char *name = pg_text(r, i, 0);

		if (ends_with_id(name, "_restore_", &len, id))
			add(&l, name, len, id)->has_fresh = true;
		else if (ends_with_id(name, "_before_", &len, id))
			add(&l, name, len, id)->has_old = true;
		else if (id_of_mark(pg_text(r, i, 1), id))
			add(&l, name, strlen(name), id)->restored = true;
	}
	for (size_t k = 0; k < l.n; k++)
		for (size_t i = 0; i < pg_rows_count(r); i++)
			l.all[k].has_live |= strcmp(pg_text(r, i, 0), l.all[k].live) == 0;
	*ret = l;
	l = (struct restore_lefts){ .n = 0 };
	return true;
}

void restore_left_release(struct restore_lefts *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->all[i].live);
		free(l->all[i].fresh);
		free(l->all[i].old);
	}
	free(l->all);
	*l = (struct restore_lefts){ .n = 0 };
}

/* Who is connected, in words; empty: nobody. */
static bool who(struct pg *db, const char *database, struct strbuf *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "SELECT pid, coalesce(nullif(application_name, ''), 'without a name'),"
		    " coalesce(usename, '?'), coalesce(host(client_addr), 'this host')"
		    " FROM pg_stat_activity WHERE datname = $1 AND coalesce(backend_type, '') IN ('client backend', '')"
		    " ORDER BY 1 LIMIT 5",
		    (struct pg_param[]){ PG_P_TEXT(database) }, 1, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		strbuf_addf(out, "%s%s (%s, from %s, session %s)", out->len ? ", " : "",
			    pg_text(r, i, 1), pg_text(r, i, 2), pg_text(r, i, 3), pg_text(r, i, 0));
	return true;
}

/* Sessions of services that were stopped a moment ago end by themselves. */
static bool wait_for_nobody(struct pg *db, const char *database, struct err *err)
{
	double since = clock_monotonic();

	for (;;) {
		AUTO_STRBUF struct strbuf there = { 0 };

		if (!who(db, database, &there, err))
			return false;
		if (!there.len)
			return true;
		if (clock_monotonic() - since < patience && stop_wait(0.25))
			continue;
		(void)err_set(err, ERR_LOCKED, "the database %s is in use by %s", database,
			      there.data);
		return err_hint(err, "Stop what it is, on other hosts too, then run the same "
				     "command again.");
	}
}

bool restore_rename(struct pg *db, const char *const (*pairs)[2], size_t n, struct err *err)
{
	AUTO_STRBUF struct strbuf sql = { 0 };
	struct err ignored;

	strbuf_adds(&sql, "BEGIN; SET LOCAL synchronous_commit = on;");
	for (size_t i = 0; i < n; i++) {
		if (!wait_for_nobody(db, pairs[i][0], err))
			return false;
		strbuf_adds(&sql, " ALTER DATABASE ");
		pg_quote_name(&sql, pairs[i][0]);
		strbuf_adds(&sql, " RENAME TO ");
		pg_quote_name(&sql, pairs[i][1]);
		strbuf_adds(&sql, ";");
	}
	strbuf_adds(&sql, " COMMIT");
	if (pg_exec(db, sql.data, err))
		return true;
	if (pg_alive(db))
		(void)!pg_exec(db, "ROLLBACK", &ignored);
	return false;
}
