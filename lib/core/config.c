/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values by key, each with where it came from.  Files are read by bin/config_files.c, which calls
 * config_set. */
#include "lib/core/config.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/options.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* What a value may be; the words of config_keys.def. */
#define TEXT CONFIG_TEXT, 0, 0, NULL
#define SECRET_FILE CONFIG_SECRET_FILE, 0, 0, NULL
#define COMMAND CONFIG_COMMAND, 0, 0, NULL
#define WHOLE(least, most) CONFIG_WHOLE, least, most, NULL
#define REAL(least, most) CONFIG_REAL, least, most, NULL
#define SHARE REAL(0.01, 1)
#define TIME(least, most) CONFIG_TIME, least, most, NULL
#define SIZE(least) CONFIG_SIZE, least, INFINITY, NULL
#define YES_NO CONFIG_BOOL, 0, 0, NULL
#define WORDS(...)                               \
	CONFIG_WORD, 0, 0, (const char *const[]) \
	{                                        \
		__VA_ARGS__, NULL                \
	}
#define PROFILE WORDS("gentle", "default", "fast", "finalize")
#define KEY(name, fallback, type, help) { name, fallback, help, type },
const struct config_key config_keys[] = {
#include "lib/core/config_keys.def"
	{ NULL, NULL, NULL, TEXT },
};
#undef KEY

#define KEY(name, fallback, type, help) +1
enum {
	KEY_COUNT = 0
#include "lib/core/config_keys.def"
};
#undef KEY

struct config {
	struct {
		char *value, *source; /* value NULL: the default holds */
	} at[KEY_COUNT];
};

static int key_index(const char *name)
{
	for (int i = 0; i < KEY_COUNT; i++)
		if (strcmp(config_keys[i].name, name) == 0)
			return i;
	return -1;
}

const struct config_key *config_find_key(const char *name)
{
	int i = key_index(name);

	return i < 0 ? NULL : &config_keys[i];
}

struct config *config_new(void)
{
	return xcalloc(1, sizeof(struct config));
}

void config_free(struct config *c)
{
	for (int i = 0; c && i < KEY_COUNT; i++) {
		free(c->at[i].value);
		free(c->at[i].source);
	}
	free(c);
}

static bool unknown_key(const char *key, struct err *err)
{
	const char *names[KEY_COUNT + 1];

	for (int i = 0; i <= KEY_COUNT; i++)
		names[i] = config_keys[i].name;

	const char *near = nearest_name(key, names);

	(void)err_set(err, ERR_CONFIG, "unknown key '%s'", key);
	if (near)
		return err_hint(err, "Did you mean %s?", near);
	return err_hint(err, "`plmaint config show` lists every key.");
}

/* scheme://user:password@host, also among other words: where the first password begins, or NULL. */
static const char *url_password(const char *value, size_t *ret_len)
{
	const char *rest = value;

	while ((rest = strstr(rest, "://")) != NULL) {
		rest += 3;

		size_t authority = strcspn(rest, "/?#");
		const char *at = memrchr(rest, '@', authority);
		const char *colon = at ? memchr(rest, ':', (size_t)(at - rest)) : NULL;

		if (colon && colon + 1 < at) {
			*ret_len = (size_t)(at - colon) - 1;
			return colon + 1;
		}
	}
	return NULL;
}

/* password=... of a connection string or of a URL's query, quoted or not: where its value begins.
 */
static const char *keyword_password(const char *value, size_t *ret_len)
{
	static const char word[] = "password";
	const char *at = value;

	while ((at = strcasestr(at, word)) != NULL) {
		const char *before = at;

		at += sizeof(word) - 1;
		if (before > value && (isalnum((unsigned char)before[-1]) || before[-1] == '_'))
			continue; /* sslpassword= has its own turn below */
		at += strspn(at, " \t");
		if (*at != '=')
			continue;
		at++;
		at += strspn(at, " \t");
		if (*at == '\'') {
			const char *end = at + 1;

			while (*end && *end != '\'')
				end += end[0] == '\\' && end[1] ? 2 : 1;
			*ret_len = (size_t)(end - at) + (*end == '\'');
		} else {
			*ret_len = strcspn(at, " \t&");
		}
		return *ret_len ? at : NULL;
	}
	return NULL;
}

/* A connection string, or what may name a password in its query as one does. */
static bool has_keywords(const char *key)
{
	static const char suffix[] = ".conninfo";
	size_t len = strlen(key);

	return (len >= sizeof(suffix) && strcmp(key + len - (sizeof(suffix) - 1), suffix) == 0) ||
	       strcmp(key, "redis.url") == 0;
}

static const char *find_password(const char *key, const char *value, size_t *ret_len)
{
	const char *p = url_password(value, ret_len);

	return p || !has_keywords(key) ? p : keyword_password(value, ret_len);
}

bool config_is_secret(const char *key, const char *value)
{
	size_t len;

	return value && (find_password(key, value, &len) ||
			 (has_keywords(key) && strcasestr(value, "sslpassword")));
}

char *config_shown(const struct config *c, const char *key)
{
	const char *value = config_get(c, key), *p;
	size_t len;

	if (!value)
		return NULL;
	if (!config_is_secret(key, value))
		return xstrdup(value);
	p = find_password(key, value, &len);
	if (!p || strcasestr(value, "sslpassword") || find_password(key, p + len, &(size_t){ 0 }))
		return xstrdup("(hidden: holds a password)");
	return xasprintf("%.*s***%s", (int)(p - value), value, p + len);
}

bool config_set(struct config *c, const char *key, const char *value, const char *source,
		struct err *err)
{
	int i = key_index(key);

	if (i < 0)
		return unknown_key(key, err);
	if (strcmp(source, "--set") == 0 && config_is_secret(key, value)) {
		(void)err_set(err, ERR_CONFIG, "--set %s holds a password", key);
		return err_hint(err, "Every user of this host can read a command line: put the "
				     "password into a file or the environment.");
	}
	free(c->at[i].value);
	free(c->at[i].source);
	c->at[i].value = *value ? xstrdup(value) : NULL;
	c->at[i].source = *value ? xstrdup(source) : NULL;
	return true;
}

const char *config_get(const struct config *c, const char *key)
{
	int i = key_index(key);

	if (i < 0)
		return NULL;
	return c->at[i].value ? c->at[i].value : config_keys[i].fallback;
}

const char *config_source(const struct config *c, const char *key)
{
	int i = key_index(key);

	return i >= 0 && c->at[i].source ? c->at[i].source : "default";
}

static bool bad_value(const struct config *c, const char *key, struct err *err)
{
	char hint[sizeof(err->hint)];

	memcpy(hint, err->hint, sizeof(hint));
	err->code = ERR_CONFIG;
	(void)err_wrap(err, "%s (%s)", key, config_source(c, key));
	return err_hint(err, "%s", hint);
}

/* The key, and its value in *value; NULL where there is none. */
static const struct config_key *typed(const struct config *c, const char *key, const char **value,
				      struct err *err)
{
	const struct config_key *k = config_find_key(key);

	*value = config_get(c, key);
	if (*value)
		return k;
	(void)err_set(err, ERR_CONFIG, "%s is not set", key);
	return NULL;
}

bool config_long(const struct config *c, const char *key, long *ret, struct err *err)
{
	const char *v;
	const struct config_key *k = typed(c, key, &v, err);

	if (!k)
		return false;
	if (k->kind == CONFIG_WHOLE)
		return parse_long(v, (long)k->least, (long)k->most, ret, err) ||
		       bad_value(c, key, err);
	long bytes;

	if (!parse_size(v, &bytes, err))
		return bad_value(c, key, err);
	if ((double)bytes < k->least) {
		(void)err_set(err, ERR_CONFIG, "'%s' is less than %.0f bytes", v, k->least);
		return bad_value(c, key, err);
	}
	*ret = bytes;
	return true;
}

bool config_real(const struct config *c, const char *key, double *ret, struct err *err)
{
	const char *v;
	const struct config_key *k = typed(c, key, &v, err);

	return k && (parse_real(v, k->least, k->most, ret, err) || bad_value(c, key, err));
}

bool config_seconds(const struct config *c, const char *key, double *ret, struct err *err)
{
	const char *v;
	const struct config_key *k = typed(c, key, &v, err);
	char least[32], most[32];
	double seconds;

	if (!k)
		return false;
	if (!parse_seconds(v, &seconds, err))
		return bad_value(c, key, err);
	if (seconds >= k->least && seconds <= k->most) {
		*ret = seconds;
		return true;
	}
	clock_in_words(k->least, least, sizeof(least));
	clock_in_words(k->most, most, sizeof(most));
	(void)err_set(err, ERR_CONFIG,
		      isfinite(k->most) ? "'%s' is not between %s and %s" : "'%s' is less than %s",
		      v, least, most);
	return bad_value(c, key, err);
}

bool config_bool(const struct config *c, const char *key, bool *ret, struct err *err)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };
	const char *v;

	if (!typed(c, key, &v, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(v, words[i]) == 0) {
			*ret = i % 2;
			return true;
		}
	}
	(void)err_set(err, ERR_CONFIG, "'%s' is neither yes nor no", v);
	return bad_value(c, key, err);
}

/* "PLMAINT_GENERAL_MODE"; the caller frees. */
static char *variable_of(const char *key)
{
	char *name = xasprintf("PLMAINT_%s", key);

	for (char *p = name; *p; p++)
		*p = *p == '.' || *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	return name;
}

/* A variable of ours that is no key: a slip when a key is near or its section is ours. */
static bool refuse_slip(const char *name, char *const *variables, struct err *err)
{
	const char *near = nearest_name(name, (const char *const *)variables);

	if (!near)
		return true;
	(void)err_set(err, ERR_CONFIG, "unknown variable '%s' in the environment", name);
	return err_hint(err, "Did you mean %s?", near);
}

bool config_environment(struct config *c, char *const *environment, struct err *err)
{
	char *variables[KEY_COUNT + 1] = { NULL };
	bool ok = true;

	for (int i = 0; i < KEY_COUNT; i++)
		variables[i] = variable_of(config_keys[i].name);
	for (; ok && *environment; environment++) {
		if (strncmp(*environment, "PLMAINT_", 8) != 0)
			continue;

		size_t len = strcspn(*environment, "=");
		AUTO_FREE char *name = xstrndup(*environment, len);
		AUTO_FREE char *source = xasprintf("environment %s", name);
		const char *value = *environment + len + ((*environment)[len] == '=');
		int i = 0;

		while (i < KEY_COUNT && strcmp(variables[i], name) != 0)
			i++;
		ok = i < KEY_COUNT ? config_set(c, config_keys[i].name, value, source, err)
				   : refuse_slip(name, variables, err);
	}
	for (int i = 0; i < KEY_COUNT; i++)
		free(variables[i]);
	return ok;
}

bool config_assign(struct config *c, const char *assignment, struct err *err)
{
	const char *eq = strchr(assignment, '=');

	if (!eq || eq == assignment) {
		(void)err_set(err, ERR_USAGE, "--set '%.*s' is not SECTION.KEY=VALUE",
			      (int)strcspn(assignment, "="), assignment);
		return err_hint(err, "For example: --set pre-migrate.duty=0.5");
	}

	AUTO_FREE char *key = xstrndup(assignment, (size_t)(eq - assignment));

	return config_set(c, key, eq + 1, "--set", err);
}

static bool check_word(const struct config *c, const struct config_key *k, struct err *err)
{
	const char *v = config_get(c, k->name), *near;

	for (size_t i = 0; k->words[i]; i++)
		if (strcmp(v, k->words[i]) == 0)
			return true;
	near = nearest_name(v, k->words);
	(void)err_set(err, ERR_CONFIG, "%s (%s): unknown word '%s'", k->name,
		      config_source(c, k->name), v);
	if (near)
		return err_hint(err, "Did you mean %s?", near);
	return err_hint(err, "%s: %s.", k->name, k->help);
}

static bool check_secret_file(const struct config *c, const char *key, struct err *err)
{
	const char *path = config_get(c, key);
	struct stat st;

	if (stat(path, &st) < 0) {
		(void)err_errno(err, "%s (%s): '%s'", key, config_source(c, key), path);
		err->code = ERR_CONFIG;
		return false;
	}
	if (st.st_mode & S_IRWXO) {
		(void)err_set(err, ERR_CONFIG, "'%s' holds a password and others can reach it",
			      path);
		return err_hint(err, "chmod o= '%s'.", path);
	}
	return true;
}

static bool check_value(const struct config *c, const struct config_key *k, struct err *err)
{
	double real;
	long whole;
	bool yes;

	switch (k->kind) {
	case CONFIG_TEXT:
	case CONFIG_COMMAND:
		return true;
	case CONFIG_SECRET_FILE:
		return check_secret_file(c, k->name, err);
	case CONFIG_WHOLE:
	case CONFIG_SIZE:
		return config_long(c, k->name, &whole, err);
	case CONFIG_REAL:
		return config_real(c, k->name, &real, err);
	case CONFIG_TIME:
		return config_seconds(c, k->name, &real, err);
	case CONFIG_BOOL:
		return config_bool(c, k->name, &yes, err);
	case CONFIG_WORD:
		return check_word(c, k, err);
	}
	return true;
}

bool config_check(const struct config *c, struct err *err)
{
	for (const struct config_key *k = config_keys; k->name; k++)
		if (config_get(c, k->name) && !check_value(c, k, err))
			return false;
	return true;
}
