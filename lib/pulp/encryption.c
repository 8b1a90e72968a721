/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sampled: what a key does not open is as a rule all of it, or all that was written before or after
 * a rotation that broke off.  Arguments of tasks are encrypted too and are left out: nobody reads
 * them again once the task has ended, and the table is long.
 */
#include "lib/pulp/encryption.h"
#include "lib/core/mem.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 10 };
#define SAMPLE "100"

static const struct {
	const char *table, *column, *what;
	bool json; /* every text in it is a token */
} columns[] = {
	{ "core_remote", "username", "remote", false },
	{ "core_remote", "password", "remote", false },
	{ "core_remote", "proxy_username", "remote", false },
	{ "core_remote", "proxy_password", "remote", false },
	{ "core_remote", "client_key", "remote", false },
	{ "core_upstreampulp", "username", "upstream Pulp", false },
	{ "core_upstreampulp", "password", "upstream Pulp", false },
	{ "core_upstreampulp", "client_key", "upstream Pulp", false },
	{ "core_domain", "storage_settings", "domain", true },
};

void encryption_keys_wipe(struct encryption_keys *k)
{
	explicit_bzero(k, sizeof *k);
}

bool encryption_keys_parse(const char *text, size_t len, struct encryption_keys *ret,
			   struct err *err)
{
	static const char blanks[] = " \t\r\f\v";
	AUTO_KEYS struct encryption_keys found = { .n = 0 };
	int line = 0;

	for (const char *at = text, *end = text + len, *next; at < end; at = next) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		next = stop ? stop + 1 : end;
		stop = stop ? stop : end;
		line++;
		while (at < stop && *at && strchr(blanks, *at))
			at++;
		while (stop > at && stop[-1] && strchr(blanks, stop[-1]))
			stop--;
		if (at == stop || *at == '#')
			continue;
		if (found.n == ENCRYPTION_KEYS)
			return err_set(err, ERR_DATA, "there are more than %d keys",
				       ENCRYPTION_KEYS);
		if (!fernet_key_parse(at, (size_t)(stop - at), &found.keys[found.n++]))
			return err_set(err, ERR_DATA, "line %d is not the base64 of 32 bytes",
				       line);
	}
	if (found.n == 0)
		return err_set(err, ERR_DATA, "there is no key in it");
	*ret = found;
	return true;
}

bool encryption_keys_read(const char *path, struct encryption_keys *ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_FREE char *text = xmalloc(FILE_MAX + 1);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, "cannot open the encryption key %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_DATA, "the encryption key %s is not a regular file", path);
	n = read(fd, text, FILE_MAX + 1);
	if (n < 0)
		return err_errno(err, "cannot read the encryption key %s", path);
	bool ok = n <= FILE_MAX ? encryption_keys_parse(text, (size_t)n, ret, err)
				: err_set(err, ERR_DATA, "it is no file of keys");
	explicit_bzero(text, FILE_MAX + 1);
	return ok || err_wrap(err, "the encryption key %s", path);
}

enum fernet_verdict encryption_try(const struct encryption_keys *keys, const char *text, size_t len)
{
	AUTO_STRBUF struct strbuf plain = { 0 };
	enum fernet_verdict v = FERNET_NO_TOKEN;

	for (size_t i = 0; i < keys->n; i++) {
		v = fernet_open(&keys->keys[i], text, len, &plain);
		if (v != FERNET_OTHER_KEY)
			break;
	}
	if (plain.len)
		explicit_bzero(plain.data, plain.len);
	return v;
}

static bool has_column(struct pg *db, const char *table, const char *column, bool *ret,
		       struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db,
		      "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1)"
		      " AND attname = $2 AND NOT attisdropped)",
		      (struct pg_param[]){ PG_P_TEXT(table), PG_P_TEXT(column) }, 2, &r, err))
		return false;
	*ret = pg_bool(r, 0, 0);
	return true;
}

static bool look_at(struct pg *db, const struct encryption_keys *keys, size_t c,
		    struct encryption_seen *seen, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const char *table = columns[c].table, *column = columns[c].column;
	AUTO_FREE char *sql = columns[c].json
				      ? xasprintf("SELECT t.name, v #>> '{}' FROM %s t,"
						  " jsonb_path_query(t.%s, '$.**') v"
						  " WHERE jsonb_typeof(v) = 'string' LIMIT " SAMPLE,
						  table, column)
				      : xasprintf("SELECT name, %s FROM %s WHERE %s <> ''"
						  " ORDER BY pulp_created DESC LIMIT " SAMPLE,
						  column, table, column);

	if (!pg_query(db, sql, NULL, 0, &r, err))
		return err_wrap(err, "%s.%s", table, column);
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		enum fernet_verdict v = encryption_try(keys, pg_text(r, i, 1), pg_len(r, i, 1));
		AUTO_FREE char *where =
			xasprintf("%s of the %s %s", column, columns[c].what, pg_text(r, i, 0));

		seen->values++;
		seen->foreign += v == FERNET_OTHER_KEY;
		seen->plain += v == FERNET_NO_TOKEN;
		if (v != FERNET_OPENED && seen->tell)
			seen->tell(seen->arg, where, v == FERNET_OTHER_KEY);
	}
	return true;
}

bool encryption_look(struct pg *db, const struct encryption_keys *keys,
		     struct encryption_seen *seen, struct err *err)
{
	for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
		bool there;

		if (!has_column(db, columns[c].table, columns[c].column, &there, err) ||
		    (there && !look_at(db, keys, c, seen, err)))
			return false;
	}
	return true;
}
