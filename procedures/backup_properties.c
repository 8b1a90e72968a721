/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What belongs to a database itself and is in no dump that is loaded into another name: settings,
 * those of roles in it, rights, the limit of connections, its comment.  Each statement is one line,
 * in which
 * :"DBNAME" stands for the database, as psql has it: a person applies the file with
 * `psql --dbname=NAME --file=...`.  Lines "-- role NAME" and "-- tablespace NAME" say what has to
 * be there.
 */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/fs.h"
#include "procedures/backup_databases.h"

/* Which values are lists of names is in no catalogue; pg_dump has the same table. */
#define LISTS                                                                     \
	"('local_preload_libraries', 'search_path', 'session_preload_libraries'," \
	" 'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories')"
/* A text on one line, whatever is in it. */
#define LITERAL                                                                  \
	"'E''' || replace(replace(replace(value, '\\', '\\\\'), '''', ''''''), " \
	"chr(10), '\\n') || ''''"

static const char query[] =
	"WITH d AS (SELECT oid, datdba, datacl, datconnlimit FROM pg_database"
	"	WHERE datname = current_database()),"
	" rights AS (SELECT a.grantee, a.privilege_type, a.is_grantable,"
	"		pg_get_userbyid(a.grantee) AS role"
	"	FROM d, aclexplode(d.datacl) a WHERE a.grantee <> d.datdba),"
	" settings AS (SELECT s.setrole, pg_get_userbyid(s.setrole) AS role,"
	"		split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value"
	"	FROM pg_db_role_setting s, unnest(s.setconfig) c"
	"	WHERE s.setdatabase = (SELECT oid FROM d)),"
	" comment AS (SELECT regexp_replace(shobj_description(oid, 'pg_database'),"
	"		'^plmaint restored \\S+ of \\S+\\n?', '') AS value FROM d),"
	" lines AS ("
	"	SELECT 1 AS part, '-- role ' || role AS line FROM rights WHERE grantee <> 0"
	"	UNION SELECT 1, '-- role ' || role FROM settings WHERE setrole <> 0"
	"	UNION SELECT 1, '-- tablespace ' || spcname FROM pg_class c"
	"		JOIN pg_tablespace t ON t.oid = c.reltablespace"
	"		WHERE spcname NOT IN ('pg_default', 'pg_global')"
	"	UNION SELECT 2, 'REVOKE ALL ON DATABASE :\"DBNAME\" FROM PUBLIC;' FROM d"
	"		WHERE datacl IS NOT NULL"
	"	UNION SELECT 3, format('GRANT %s ON DATABASE :\"DBNAME\" TO %s%s;', privilege_type,"
	"		CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(role) END,"
	"		CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM rights"
	"	UNION SELECT 4, 'ALTER DATABASE :\"DBNAME\" CONNECTION LIMIT ' || datconnlimit || ';'"
	"		FROM d WHERE datconnlimit <> -1"
	"	UNION SELECT 4, 'COMMENT ON DATABASE :\"DBNAME\" IS ' || " LITERAL " || ';'"
	"		FROM comment WHERE value <> ''"
	"	UNION SELECT 5, CASE WHEN name IN " LISTS
	" THEN format('SELECT set_config(%L, %s, false); ', name, " LITERAL ") ELSE '' END"
	"		|| CASE setrole WHEN 0 THEN 'ALTER DATABASE :\"DBNAME\"'"
	"			ELSE format('ALTER ROLE %I IN DATABASE :\"DBNAME\"', role) END"
	"		|| format(' SET %I ', name)"
	"		|| CASE WHEN name IN " LISTS " THEN 'FROM CURRENT;'"
	" ELSE 'TO ' || " LITERAL " || ';' END FROM settings)"
	" SELECT line FROM lines ORDER BY part, line COLLATE \"C\"";

bool dump_properties(const struct backup_job *j, const struct dump_source *s,
		     const struct manifest_database *d, struct err *err)
{
	AUTO_FREE char *name = xasprintf("%s.sql", d->directory);
	AUTO_FREE char *path = backup_job_path(j, name);
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_STRBUF struct strbuf text = { 0 };

	if (!pg_query(s->db, query, NULL, 0, &r, err))
		return err_wrap(err, "the database of %s", s->feature);
	for (size_t i = 0; i < pg_rows_count(r); i++)
		strbuf_addf(&text, "%s\n", pg_text(r, i, 0));
	return fs_write_atomic(path, text.data ? text.data : "", text.len, 0440, err);
}
