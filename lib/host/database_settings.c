/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Line by line: of each file only the few values that a connection needs. */
#include "lib/host/database_settings.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/pg_conninfo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_TEXT = 1 << 20 };

static bool unclear(struct err *err, const char *what)
{
	return err_set(err, ERR_CONFIG, "%s", what);
}

/* -- Foreman: YAML, of which the section production is one level deep */

static const struct {
	const char *theirs, *ours;
} of_rails[] = {
	{ "host", "host" },	  { "port", "port" },	      { "database", "dbname" },
	{ "username", "user" },	  { "password", "password" }, { "sslmode", "sslmode" },
	{ "sslcert", "sslcert" }, { "sslkey", "sslkey" },     { "sslrootcert", "sslrootcert" }
};

static void trim(char *s)
{
	for (size_t n = strlen(s); n > 0 && strchr(" \t\r", s[n - 1]);)
		s[--n] = '\0';
}

/* In place; NULL: a value of a form that is not read here. */
static char *yaml_scalar(char *s)
{
	char quote = *s, *to = s, *from = s + 1;

	if (quote != '"' && quote != '\'') {
		char *comment = strstr(s, " #");

		if (*s && strchr("&*!|>{}[]%@`,?#-", *s))
			return NULL;
		if (comment)
			*comment = '\0';
		trim(s);
		return strcmp(s, "~") == 0 || strcmp(s, "null") == 0 ? s + strlen(s) : s;
	}
	for (; *from && *from != quote; from++) {
		if (quote == '"' && *from == '\\' && *++from != '"' && *from != '\\')
			return NULL;
		*to++ = *from;
		if (quote == '\'' && from[1] == quote && from[2] == quote)
			*to++ = *(from += 2);
	}
	if (*from != quote)
		return NULL;
	from += 1 + strspn(from + 1, " \t");
	*to = '\0';
	return *from == '\0' || *from == '#' ? s : NULL;
}

/* A line of the section. */
static bool rails_value(char *line, struct strbuf *out, bool *named, struct err *err)
{
	char *colon = strchr(line, ':');

	if (!colon || (colon[1] && colon[1] != ' '))
		return unclear(err, "a line of its section production is no plain value");
	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " ");

	if (strcmp(line, "url") == 0 || strcmp(line, "<<") == 0 || strstr(value, "<%"))
		return unclear(err, "its section production is made of other parts");
	if (strcmp(line, "adapter") == 0)
		return strncmp(value, "postgresql", 10) == 0 || strstr(value, "\"postgresql\"") ||
		       unclear(err, "its database is not PostgreSQL");
	for (size_t i = 0; i < ARRAY_LEN(of_rails); i++) {
		if (strcmp(line, of_rails[i].theirs) != 0)
			continue;
		value = yaml_scalar(value);
		if (!value)
			return unclear(err, "a value of its section production is not plain");
		if (*value)
			pg_conninfo_add(out, of_rails[i].ours, value);
		*named |= i == 2 && *value;
	}
	return true;
}

bool foreman_database(const char *text, char **ret, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(text);
	AUTO_STRBUF struct strbuf out = { 0 };
	bool inside = false, named = false;
	size_t indent = 0;
	char *rest = NULL;

	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t blanks = strspn(line, " ");

		trim(line);
		if (line[blanks] == '#' || !line[blanks] || strncmp(line, "---", 3) == 0)
			continue;
		if (blanks == 0) {
			inside = strncmp(line, "production:", 11) == 0;
			if (inside && (indent > 0 || line[11]))
				return unclear(err, "its section production is not plain");
			continue;
		}
		if (!inside)
			continue;
		indent = indent ? indent : blanks;
		if (blanks != indent)
			return unclear(err, "its section production has parts of its own");
		if (!rails_value(line + blanks, &out, &named, err))
			return false;
	}
	if (!named)
		return unclear(err, "it names no database of the section production");
	*ret = strbuf_take(&out);
	return true;
}

/* -- Candlepin: properties of Java, with a URL of JDBC */

static const char head[] = "jpa.config.hibernate.connection.";

/* In place; false: an escape that is not read here, or a line that goes on. */
static bool unescape(char *s)
{
	char *to = s;

	for (; *s && *s != '\r'; s++) {
		if (*s == '\\' && (!*++s || strchr("tnrfu\r", *s)))
			return false;
		*to++ = *s;
	}
	*to = '\0';
	return true;
}

/* Java has a store of its own for what it trusts, which libpq cannot read. */
static bool jdbc_options(char *options, struct strbuf *out, struct err *err)
{
	char *rest = NULL;
	bool ssl = false, mode = false;

	for (char *o = strtok_r(options, "&", &rest); o; o = strtok_r(NULL, "&", &rest)) {
		char *value = strchr(o, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (strchr(value, '%'))
			return unclear(err, "an option of its URL is encoded");
		ssl |= strcmp(o, "ssl") == 0 && strcmp(value, "true") == 0;
		mode |= strcmp(o, "sslmode") == 0;
		if (strcmp(o, "sslmode") == 0 || strcmp(o, "sslrootcert") == 0)
			pg_conninfo_add(out, o, value);
	}
	if (ssl && !mode)
		pg_conninfo_add(out, "sslmode", "require");
	return true;
}

/* jdbc:postgresql://HOST:PORT/DATABASE?OPTIONS, or without the part of the host. */
static bool jdbc(char *url, struct strbuf *out, struct err *err)
{
	static const char scheme[] = "jdbc:postgresql:";
	char *options = strchr(url, '?');

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return unclear(err, "its database is not PostgreSQL");
	if (options)
		*options++ = '\0';
	url += sizeof(scheme) - 1;
	if (strpbrk(url, "%,[@"))
		return unclear(err, "its URL is not plain");
	const char *host = "localhost", *port = NULL;
	if (strncmp(url, "//", 2) == 0) {
		char *slash = strchr(url + 2, '/'), *colon;

		if (!slash)
			return unclear(err, "its URL names no database");
		*slash = '\0';
		host = url + 2;
		url = slash + 1;
		colon = strchr(host, ':');
		if (colon) {
			*colon = '\0';
			port = colon + 1;
		}
	}
	if (!*url || !*host || strchr(url, '/'))
		return unclear(err, "its URL names no database");
	pg_conninfo_add(out, "host", host);
	if (port)
		pg_conninfo_add(out, "port", port);
	pg_conninfo_add(out, "dbname", url);
	return !options || jdbc_options(options, out, err);
}

static bool java_value(const char *key, char *value, struct strbuf *out, bool *named,
		       struct err *err)
{
	bool url = strcmp(key, "url") == 0, user = strcmp(key, "username") == 0,
	     password = strcmp(key, "password") == 0;

	if (!url && !user && !password)
		return true;
	if (!unescape(value))
		return unclear(err, "a value of its connection is not plain");
	if (password && strncmp(value, "$1$", 3) == 0)
		return unclear(err, "its password is encrypted");
	*named |= url;
	if (url)
		return jdbc(value, out, err);
	pg_conninfo_add(out, user ? "user" : "password", value);
	return true;
}

bool candlepin_database(const char *text, char **ret, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(text);
	AUTO_STRBUF struct strbuf out = { 0 };
	bool named = false;
	char *rest = NULL;

	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, " \t");
		if (strncmp(line, head, sizeof(head) - 1) != 0)
			continue;
		char *key = line + sizeof(head) - 1, *end = key + strcspn(key, " \t=:");
		char *value = end + strspn(end, " \t");

		value += *value && strchr("=:", *value);
		value += strspn(value, " \t");
		*end = '\0';
		if (!java_value(key, value, &out, &named, err))
			return false;
	}
	if (!named)
		return unclear(err, "it names no jpa.config.hibernate.connection.url");
	*ret = strbuf_take(&out);
	return true;
}

/* -- the files */

/* Not there: *ret has no data. */
static bool read_text(const char *path, struct strbuf *ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char buf[4096];
	ssize_t n = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return true;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "%s is no file", path);
	while (ret->len < MOST_TEXT && (n = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(ret, buf, (size_t)n);
	explicit_bzero(buf, sizeof(buf));
	strbuf_adds(ret, "\n");
	return n == 0 || err_errno(err, "cannot read %s", path);
}

bool database_settings_find(const struct config *config, const char *feature, char **ret,
			    struct err *err)
{
	AUTO_FREE char *own = xasprintf("database.%s.conninfo", feature);
	AUTO_FREE char *key = xasprintf("database.%s.settings", feature);
	const char *conninfo = config_get(config, own), *path = config_get(config, key);
	AUTO_STRBUF struct strbuf text = { 0 };

	*ret = NULL;
	if (conninfo) {
		*ret = xstrdup(conninfo);
		return true;
	}
	bool ok = read_text(path, &text, err);
	if (ok && text.data)
		ok = (strcmp(feature, "foreman") == 0 ? foreman_database(text.data, ret, err)
						      : candlepin_database(text.data, ret, err)) ||
		     err_wrap(err, "%s cannot be understood", path);
	if (text.data)
		explicit_bzero(text.data, text.len);
	return ok || err_hint(err,
			      "Set %s, or %s to a path where nothing is: then that database is "
			      "not backed up.",
			      own, key);
}
