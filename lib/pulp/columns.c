/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the catalogue says, as two lists of words. */
#include "lib/pulp/columns.h"

#include "lib/core/mem.h"

#include <stdlib.h>
#include <string.h>

static const char catalogue_sql[] =
	"WITH t AS (SELECT c.oid, c.relname FROM pg_catalog.pg_class c"
	"  WHERE c.relkind IN ('r', 'p') AND (c.relname LIKE 'core\\_%' OR c.relname LIKE 'container\\_%')"
	"    AND pg_catalog.pg_table_is_visible(c.oid))"
	" SELECT (SELECT string_agg(relname, ' ') FROM t),"
	"  (SELECT string_agg(relname || '.' || attname, ' ') FROM t JOIN pg_catalog.pg_attribute a"
	"    ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),"
	"  (SELECT string_agg(relname, ' ') FROM t"
	"    WHERE NOT pg_catalog.has_table_privilege(t.oid, 'SELECT')),"
	"  current_user, current_database()";

static void columns_free(void *value)
{
	struct pulp_columns *c = value;

	free(c->list);
	free(c->denied);
	free(c->role);
	free(c);
}

bool pulp_has(const struct pulp_columns *c, const char *name)
{
	AUTO_FREE char *word = xasprintf(" %s ", name);

	return strstr(c->list, word) != NULL;
}

bool pulp_columns_known(const struct probe *p, const struct pulp_columns **ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (p->columns->value) {
		*ret = p->columns->value;
		return true;
	}
	if (!pg_query(p->db, catalogue_sql, NULL, 0, &r, err))
		return err_wrap(err, "while reading the catalogue");

	struct pulp_columns *c = xcalloc(1, sizeof(*c));

	c->list = xasprintf(" %s %s ", pg_text(r, 0, 0), pg_text(r, 0, 1));
	c->denied = xasprintf(" %s ", pg_text(r, 0, 2));
	c->role = xstrdup(pg_text(r, 0, 3));
	if (!pulp_has(c, "core_content") || !pulp_has(c, "core_task")) {
		columns_free(c);
		(void)err_set(err, ERR_CONFIG, "role %s sees no tables of Pulp in database \"%s\"",
			      pg_text(r, 0, 3), pg_text(r, 0, 4));
		return err_hint(err, "Name Pulp's database and its role in "
				     "database.pulp.conninfo.");
	}
	*p->columns = (struct memo){ c, columns_free };
	*ret = c;
	return true;
}

static void add_old(struct strbuf *out, const struct pulp_columns *c, const char *table,
		    const char *type, double ttl)
{
	AUTO_FREE char *versions = xasprintf("%s.versions", table);

	if (!pulp_has(c, table))
		return;
	strbuf_addf(out,
		    "%sSELECT '%s' AS app_type, name, last_heartbeat,"
		    " %.3f * interval '1 s' AS ttl, %s AS versions, pulp_id FROM %s%s",
		    out->len ? " UNION ALL " : "", type, ttl,
		    pulp_has(c, versions) ? "versions::text" : "''", table,
		    /* pulpcore 3.85 to 3.89 has both generations; the new one tells more. */
		    pulp_has(c, "core_appstatus") ? " WHERE NOT EXISTS (SELECT FROM core_appstatus)"
						  : "");
}

char *pulp_heartbeats(const struct probe *p, const struct pulp_columns *c, struct err *err)
{
	const struct place *at = &p->place;
	AUTO_STRBUF struct strbuf sql = { 0 };

	if (pulp_has(c, "core_appstatus"))
		strbuf_adds(&sql, "SELECT app_type::text, name, last_heartbeat, ttl,"
				  " versions::text, pulp_id FROM core_appstatus");
	add_old(&sql, c, "core_apiappstatus", "api", at->api_ttl > 0 ? at->api_ttl : 120);
	add_old(&sql, c, "core_contentappstatus", "content",
		at->content_ttl > 0 ? at->content_ttl : 30);
	add_old(&sql, c, "core_worker", "worker", at->worker_ttl > 0 ? at->worker_ttl : 30);
	if (sql.len)
		return xasprintf("(%s)", sql.data);
	(void)err_set(err, ERR_UNSUPPORTED,
		      "this Pulp has no table of heartbeats that plmaint knows");
	(void)err_hint(err, "Use a newer plmaint.");
	return NULL;
}
