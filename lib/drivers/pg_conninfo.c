/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libpq takes them apart; what is put together again has every value in quotes. */
#include "lib/drivers/pg_conninfo.h"

#include "lib/core/mem.h"
#include "lib/drivers/pg_internal.h"

#include <string.h>

PQconninfoOption *pg_conninfo_parse(const char *conninfo, struct err *err)
{
	PQconninfoOption *info = PQconninfoParse(conninfo, NULL);

	if (!info) {
		(void)err_set(err, ERR_CONFIG, "the database connection string cannot be parsed");
		(void)err_hint(err, "Write it as libpq wants it: key=value words or a "
				    "postgresql:// URI, values with spaces in single quotes.");
	}
	return info;
}

const char *pg_conninfo_value(const PQconninfoOption *info, const char *keyword)
{
	for (; info->keyword; info++)
		if (strcmp(info->keyword, keyword) == 0)
			return info->val;
	return NULL;
}

bool pg_conninfo_database(const char *conninfo, char **ret, struct err *err)
{
	PQconninfoOption *all = pg_conninfo_parse(conninfo, err);

	if (!all)
		return false;

	const char *name = pg_conninfo_value(all, "dbname");
	/* As libpq has it. */
	const char *found = name && *name ? name : pg_conninfo_value(all, "user");
	bool named = found && *found;

	if (named)
		*ret = xstrdup(found);
	else
		(void)err_set(err, ERR_CONFIG, "the connection string names no database");
	PQconninfoFree(all);
	return named;
}

void pg_conninfo_add(struct strbuf *out, const char *key, const char *value)
{
	strbuf_addf(out, "%s%s='", out->len ? " " : "", key);
	for (; *value; value++) {
		if (*value == '\'' || *value == '\\')
			strbuf_adds(out, "\\");
		strbuf_add(out, value, 1);
	}
	strbuf_adds(out, "'");
}

bool pg_conninfo_with(const char *conninfo, const char *database, char **ret, struct err *err)
{
	PQconninfoOption *all = pg_conninfo_parse(conninfo, err);
	struct strbuf out = { 0 };

	if (!all)
		return false;
	for (const PQconninfoOption *i = all; i->keyword; i++)
		if (i->val && *i->val && strcmp(i->keyword, "dbname") != 0)
			pg_conninfo_add(&out, i->keyword, i->val);
	pg_conninfo_add(&out, "dbname", database);
	PQconninfoFree(all);
	*ret = strbuf_take(&out);
	return true;
}

void pg_quote_name(struct strbuf *out, const char *name)
{
	strbuf_adds(out, "\"");
	for (; *name; name++)
		strbuf_add(out, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1);
	strbuf_adds(out, "\"");
}

void pg_quote_text(struct strbuf *out, const char *text)
{
	/* E: the same with standard_conforming_strings on and off. */
	strbuf_adds(out, "E'");
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			strbuf_add(out, text, 1);
		strbuf_add(out, text, 1);
	}
	strbuf_adds(out, "'");
}
