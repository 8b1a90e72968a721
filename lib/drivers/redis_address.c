/* SPDX-License-Identifier: GPL-3.0-or-later */
/* URLs of Redis.  Pure: no name is looked up, no file opened. */
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/drivers/redis.h"
#include "lib/drivers/redis_internal.h"
#include "lib/drivers/secret.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DB = 1 << 20 };

void redis_address_release(struct redis_address *a)
{
	free(a->host);
	free(a->port);
	free(a->user);
	free(a->ca_file);
	secret_wipe(&a->password);
	*a = (struct redis_address){ 0 };
}

/* %XX decoded, anything else as it is (as urllib's unquote); the caller frees. */
static char *decode(const char *p, size_t n)
{
	char *out = xmalloc(n + 1), *q = out;
	for (size_t i = 0; i < n; i++) {
		int high = p[i] == '%' && i + 2 < n ? hex_digit(p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(p[i + 2]) : -1;
		if (low >= 0) {
			*q++ = (char)(high << 4 | low);
			i += 2;
		} else {
			*q++ = p[i];
		}
	}
	*q = '\0';
	return out;
}

static void replace(char **where, char *with)
{
	secret_wipe(where);
	*where = with;
}

static bool parse_db(const char *text, struct redis_address *a, struct err *err)
{
	char *end;
	long db = strtol(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || db > MAX_DB)
		return err_set(err, ERR_CONFIG, "the Redis URL names no database by number");
	a->db = db;
	return true;
}

/* user:password, :password or user */
static void parse_user(const char *p, size_t n, struct redis_address *a)
{
	const char *colon = memchr(p, ':', n);
	size_t user = colon ? (size_t)(colon - p) : n;
	if (user > 0)
		a->user = decode(p, user);
	if (colon && user + 1 < n)
		a->password = decode(colon + 1, n - user - 1);
}

static bool parse_host(const char *p, size_t n, struct redis_address *a, struct err *err)
{
	const char *end = p + n, *host = p, *host_end = memchr(p, ':', n);
	if (n > 0 && p[0] == '[') { /* IPv6 */
		host = p + 1;
		host_end = memchr(p, ']', n);
		if (!host_end || (host_end + 1 < end && host_end[1] != ':'))
			return err_set(err, ERR_CONFIG, "the Redis URL has a broken address in []");
	}
	const char *port =
		memchr(host_end ? host_end : end, ':', (size_t)(host_end ? end - host_end : 0));
	if (!host_end)
		host_end = end;
	a->host = host_end > host ? decode(host, (size_t)(host_end - host)) : xstrdup("localhost");
	a->port = port && port + 1 < end ? xstrndup(port + 1, (size_t)(end - port - 1))
					 : xstrdup("6379");
	char *rest;
	long number = strtol(a->port, &rest, 10);
	if (!isdigit((unsigned char)a->port[0]) || *rest || number < 1 || number > 65535)
		return err_set(err, ERR_CONFIG, "the Redis URL has a port that is no port number");
	return true;
}

/* The words that redis-py takes and that concern us; it has more, about its own pool. */
static bool parse_option(const char *p, size_t n, struct redis_address *a, struct err *err)
{
	const char *equals = memchr(p, '=', n);
	size_t key = equals ? (size_t)(equals - p) : n;
	if (!equals || key + 1 == n)
		return true;
	char *value = decode(equals + 1, n - key - 1);
	bool ok = true;
	if (key == 2 && strncmp(p, "db", key) == 0)
		ok = parse_db(value, a, err);
	else if (key == 8 && strncmp(p, "username", key) == 0)
		replace(&a->user, TAKE(value));
	else if (key == 8 && strncmp(p, "password", key) == 0)
		replace(&a->password, TAKE(value));
	else if (key == 12 && strncmp(p, "ssl_ca_certs", key) == 0)
		replace(&a->ca_file, TAKE(value));
	secret_wipe(&value);
	return ok;
}

static bool parse_query(const char *p, struct redis_address *a, struct err *err)
{
	while (*p) {
		size_t n = strcspn(p, "&");
		if (!parse_option(p, n, a, err))
			return false;
		p += n + (p[n] == '&');
	}
	return true;
}

static bool parse_scheme(const char *url, size_t n, struct redis_address *a, struct err *err)
{
	static const struct {
		const char *name;
		bool tls, local;
	} schemes[] = { { "redis", false, false },
			{ "rediss", true, false },
			{ "unix", false, true },
			{ "redis+unix", false, true } };
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		if (strlen(schemes[i].name) == n && strncasecmp(url, schemes[i].name, n) == 0) {
			a->tls = schemes[i].tls;
			a->local = schemes[i].local;
			return true;
		}
	}
	return err_set(err, ERR_CONFIG,
		       "the Redis URL begins with none of redis://, rediss://, "
		       "unix:// and redis+unix://");
}

static bool parse(const char *url, struct redis_address *a, struct err *err)
{
	const char *colon = strstr(url, "://");
	if (!parse_scheme(url, colon ? (size_t)(colon - url) : 0, a, err))
		return false;
	const char *p = colon + 3;
	size_t authority = strcspn(p, "/?#");
	const char *at = memrchr(p, '@', authority);
	if (at)
		parse_user(p, (size_t)(at - p), a);
	const char *host = at ? at + 1 : p;
	const char *path = p + authority;
	size_t path_len = strcspn(path, "?#");
	if (a->local) {
		if (host != path || path_len < 2)
			return err_set(err, ERR_CONFIG,
				       "the Redis URL names no absolute path of a socket");
		a->host = decode(path, path_len);
	} else if (!parse_host(host, (size_t)(path - host), a, err)) {
		return false;
	} else if (path_len > 1) {
		AUTO_FREE char *db = decode(path + 1, path_len - 1);
		if (!parse_db(db, a, err))
			return false;
	}
	const char *query = path + path_len;
	if (*query != '?')
		return true;
	AUTO_FREE char *text = xstrndup(query + 1, strcspn(query + 1, "#"));
	bool ok = parse_query(text, a, err);
	explicit_bzero(text, strlen(text));
	return ok;
}

bool redis_address_parse(const char *url, struct redis_address *ret, struct err *err)
{
	struct redis_address a = { 0 };
	if (!parse(url, &a, err)) {
		redis_address_release(&a);
		return err_hint(err, "Write redis://user:password@host:6379/0 or "
				     "unix:///path/to/socket?db=0, special characters as %%XX.");
	}
	*ret = a;
	return true;
}

bool redis_where(const char *url, char **ret_host, char **ret_port, struct err *err)
{
	struct redis_address a = { 0 };
	if (!redis_address_parse(url, &a, err))
		return false;
	*ret_host = TAKE(a.host);
	*ret_port = a.port ? TAKE(a.port) : xstrdup("");
	redis_address_release(&a);
	return true;
}
