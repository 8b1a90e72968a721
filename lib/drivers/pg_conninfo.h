/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connection strings: which database one leads to, and the same server with another. */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"

/* The name of the database; caller frees.  ERR_CONFIG: it names none. */
bool pg_conninfo_database(const char *conninfo, char **ret, struct err *err) MUST_CHECK;
/* The same connection to the database of that name; caller frees, and it may hold a password. */
bool pg_conninfo_with(const char *conninfo, const char *database, char **ret,
		      struct err *err) MUST_CHECK;

/* Adds one more value to a connection string. */
void pg_conninfo_add(struct strbuf *out, const char *key, const char *value);

/* Adds the name of something, or a text, in the quotes of SQL: for statements that take no
 * parameters. */
void pg_quote_name(struct strbuf *out, const char *name);
void pg_quote_text(struct strbuf *out, const char *text);
