/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configuration: /etc/plmaint/plmaint.conf and conf.d (ini), then PLMAINT_SECTION_KEY, then --set.
 * One table (config_keys.def) holds every key with its default and one line of documentation.
 * An empty value means not set; an unknown key is an error that names the nearest.
 */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

struct config;

enum config_kind {
	CONFIG_TEXT,
	CONFIG_SECRET_FILE, /* names a file that holds a secret, which others must not reach */
	CONFIG_COMMAND, /* words of an argv: the file that sets it must not be others' to write */
	CONFIG_WHOLE,
	CONFIG_REAL,
	CONFIG_TIME, /* seconds, or as parse_seconds has it */
	CONFIG_SIZE, /* bytes, or as parse_size has it */
	CONFIG_BOOL,
	CONFIG_WORD /* one of a few */
};
struct config_key {
	const char *name;     /* "database.pulp.conninfo": section is all before the last dot */
	const char *fallback; /* default as text, or NULL = not set */
	const char *help;     /* one line, lower case */
	enum config_kind kind;
	double least, most;	  /* of a number, a time or a size; most may be infinite */
	const char *const *words; /* of CONFIG_WORD, NULL-terminated */
};
extern const struct config_key config_keys[]; /* ends with name NULL */

/* Where a value came from, for `config show`: "default", "/etc/plmaint/plmaint.conf:12",
 * "environment PLMAINT_X", "--set". */
struct config *config_new(void);
/* PLMAINT_SECTION_KEY of the environment, dots and dashes as underscores; a name that slips is
 * refused. */
bool config_environment(struct config *c, char *const *environment, struct err *err) MUST_CHECK;
/* One --set SECTION.KEY=VALUE. */
bool config_assign(struct config *c, const char *assignment, struct err *err) MUST_CHECK;
/* Whether the value itself holds a password: such a value is never shown and its file is kept
 * private. */
bool config_is_secret(const char *key, const char *value);
/* The value as it may be shown, passwords hidden; caller frees; NULL when not set. */
char *config_shown(const struct config *c, const char *key);
/* Refuses values that their keys do not allow, and a CONFIG_SECRET_FILE that others can read. */
bool config_check(const struct config *c, struct err *err) MUST_CHECK;
const struct config_key *config_find_key(const char *name); /* NULL when there is none */
void config_free(struct config *c);
/* Sets one value; key unknown: ERR_CONFIG with the nearest; a password in a conninfo given by
 * --set: refused. */
bool config_set(struct config *c, const char *key, const char *value, const char *source,
		struct err *err) MUST_CHECK;
/* Borrowed; NULL when not set and without default. */
const char *config_get(const struct config *c, const char *key);
const char *config_source(const struct config *c, const char *key);
/* The values of keys of these kinds, of which *ret is left as it is on failure.  ERR_CONFIG: it is
 * not set, or not what the key allows; after config_check only the first can be. */
bool config_long(const struct config *c, const char *key, long *ret,
		 struct err *err) MUST_CHECK; /* CONFIG_WHOLE, and CONFIG_SIZE in bytes */
bool config_real(const struct config *c, const char *key, double *ret, struct err *err) MUST_CHECK;
bool config_seconds(const struct config *c, const char *key, double *ret,
		    struct err *err) MUST_CHECK;
bool config_bool(const struct config *c, const char *key, bool *ret, struct err *err) MUST_CHECK;
