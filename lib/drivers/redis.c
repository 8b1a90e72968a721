/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The few commands that plmaint sends to Redis; hiredis writes and reads their protocol. */
#include "lib/drivers/redis.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/redis_internal.h"
#include "lib/drivers/secret.h"
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 500, /* keys of one DEL: about a millisecond of Redis's one thread */
	TIMEOUT_MS = 3000,
	READ_SIZE = 16384
};

struct redis {
	struct redis_link *link;
	redisReader *reader;
	char *where;
	double timeout; /* seconds, of one command */
	bool broken;	/* out of step after an error of the link: answers would be those of other
			   commands */
};

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Redis's own words, and what to do about them. */
static bool refuse(const struct redis *r, const char *text, struct err *err)
{
	enum err_code code = ERR_DB;
	const char *hint = NULL;
	if (starts(text, "NOAUTH")) {
		code = ERR_DENIED;
		hint = "Redis wants a password: set redis.password_file, or put it into redis.url.";
	} else if (starts(text, "WRONGPASS") || starts(text, "ERR invalid password") ||
		   strstr(text, "no password is set") ||
		   strstr(text, "without any password configured")) {
		code = ERR_DENIED;
		hint = "Check the user and password in redis.url, redis.user and "
		       "redis.password_file.";
	} else if (starts(text, "NOPERM")) {
		code = ERR_DENIED;
		hint = "Allow this user +del +exists +info +ping +select on all keys (ACL SETUSER).";
	} else if (starts(text, "READONLY")) {
		code = ERR_DENIED;
		hint = "This Redis is a replica: name the one that Pulp writes to in redis.url.";
	} else if (starts(text, "LOADING") || starts(text, "BUSY") || starts(text, "MASTERDOWN") ||
		   starts(text, "TRYAGAIN")) {
		code = ERR_RETRY;
		hint = "Redis is busy or starting: try again in a while.";
	}
	err_set(err, code, "Redis at %s refuses: %s", r->where, text);
	snprintf(err->native, sizeof err->native, "%.*s", (int)strcspn(text, " "), text);
	return hint ? err_hint(err, "%s", hint) : false;
}

static bool read_reply(struct redis *r, redisReply **ret, double deadline, struct err *err)
{
	char bytes[READ_SIZE];
	for (;;) {
		void *reply = NULL;
		if (redisReaderGetReply(r->reader, &reply) != REDIS_OK)
			return err_set(err, ERR_CONNECT,
				       "Redis at %s: what answers is not Redis: %s", r->where,
				       r->reader->errstr);
		if (reply) {
			*ret = reply;
			return true;
		}
		size_t n;
		if (!redis_link_read(r->link, bytes, sizeof bytes, &n, deadline, err))
			return false;
		if (redisReaderFeed(r->reader, bytes, n) != REDIS_OK)
			return err_set(err, ERR_CONNECT, "Redis at %s: %s", r->where,
				       r->reader->errstr);
	}
}

static bool exchange(struct redis *r, const char *bytes, size_t n, redisReply **ret,
		     struct err *err)
{
	double deadline = clock_monotonic() + r->timeout;
	if (r->broken)
		return err_set(err, ERR_CONNECT, "Redis at %s: the connection was lost before",
			       r->where);
	r->broken = !redis_link_write(r->link, bytes, n, deadline, err) ||
		    !read_reply(r, ret, deadline, err);
	return !r->broken;
}

/* One command and its answer, which is no error and the caller's to free. */
static bool ask(struct redis *r, int argc, const char **argv, redisReply **ret, struct err *err)
{
	char *bytes = NULL;
	redisReply *reply = NULL;
	int n = redisFormatCommandArgv(&bytes, argc, argv, NULL);
	if (n < 0)
		return err_set(err, ERR_CONNECT, "hiredis is out of memory");
	bool ok = exchange(r, bytes, (size_t)n, &reply, err);
	explicit_bzero(bytes, (size_t)n); /* it may be AUTH */
	redisFreeCommand(bytes);
	if (ok && reply->type == REDIS_REPLY_ERROR)
		ok = refuse(r, reply->str, err);
	if (ok)
		*ret = reply;
	else if (reply)
		freeReplyObject(reply);
	return ok;
}

/* *ret_integer where it answers with one; may be NULL. */
static bool command(struct redis *r, int argc, const char **argv, long long *ret_integer,
		    struct err *err)
{
	redisReply *reply = NULL;
	bool ok = ask(r, argc, argv, &reply, err);
	if (ok && ret_integer && reply->type != REDIS_REPLY_INTEGER)
		ok = err_set(err, ERR_CONNECT, "Redis at %s answers %s with no number", r->where,
			     argv[0]);
	if (ok && ret_integer)
		*ret_integer = reply->integer;
	if (reply)
		freeReplyObject(reply);
	return ok;
}

static bool apply_options(struct redis_address *a, const struct redis_options *o, struct err *err)
{
	if (o->user) {
		free(a->user);
		a->user = xstrdup(o->user);
	}
	if (o->ca_file) {
		free(a->ca_file);
		a->ca_file = xstrdup(o->ca_file);
	}
	if (!o->password_file)
		return true;
	secret_wipe(&a->password);
	return secret_read(o->password_file, &a->password, err);
}

static bool sign_in(struct redis *r, const struct redis_address *a, struct err *err)
{
	if (a->password) {
		const char *argv[] = { "AUTH", a->user ? a->user : a->password, a->password };
		if (!command(r, a->user ? 3 : 2, argv, NULL, err))
			return false;
	}
	if (a->db == 0)
		return true;
	char db[24];
	snprintf(db, sizeof db, "%ld", a->db);
	return command(r, 2, (const char *[]){ "SELECT", db }, NULL, err);
}

static bool open_redis(struct redis *r, const struct redis_address *a, struct err *err)
{
	r->where = a->local ? xstrdup(a->host) : xasprintf("%s:%s", a->host, a->port);
	r->reader = redisReaderCreate();
	if (!r->reader)
		return err_set(err, ERR_CONNECT, "hiredis is out of memory");
	return redis_link_open(a, r->where, clock_monotonic() + r->timeout, &r->link, err) &&
	       sign_in(r, a, err);
}

bool redis_connect(const struct redis_options *o, struct redis **ret, struct err *err)
{
	__attribute__((cleanup(redis_address_release))) struct redis_address a = { 0 };
	if (!redis_address_parse(o->url, &a, err) || !apply_options(&a, o, err))
		return false;
	struct redis *r = xcalloc(1, sizeof *r);
	r->timeout = (o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS) / 1000.0;
	if (!open_redis(r, &a, err)) {
		redis_close(r);
		return false;
	}
	*ret = r;
	return true;
}

void redis_close(struct redis *r)
{
	if (!r)
		return;
	redis_link_close(r->link);
	if (r->reader)
		redisReaderFree(r->reader);
	free(r->where);
	free(r);
}

bool redis_ping(struct redis *r, struct err *err)
{
	return command(r, 1, (const char *[]){ "PING" }, NULL, err);
}

/* A status or a bulk string; with RESP3 it might be a verbatim one, which nobody asks for here. */
bool redis_info(struct redis *r, const char *section, char **ret, struct err *err)
{
	redisReply *reply = NULL;
	if (!ask(r, 2, (const char *[]){ "INFO", section }, &reply, err))
		return false;
	bool ok = reply->type == REDIS_REPLY_STRING ||
		  err_set(err, ERR_CONNECT, "Redis at %s answers INFO with no text", r->where);
	if (ok)
		*ret = xstrdup(reply->str);
	freeReplyObject(reply);
	return ok;
}

/* verb key... in chunks; the answers added up. */
static bool sum(struct redis *r, const char *verb, const char *const *keys, size_t n, size_t *ret,
		struct err *err)
{
	const char *argv[CHUNK + 1] = { verb };
	size_t total = 0;
	while (n > 0) {
		size_t part = n < CHUNK ? n : CHUNK;
		long long count = 0;
		memcpy(argv + 1, keys, part * sizeof *keys);
		if (!command(r, (int)part + 1, argv, &count, err))
			return false;
		total += (size_t)count;
		keys += part;
		n -= part;
	}
	*ret = total;
	return true;
}

bool redis_delete(struct redis *r, const char *const *keys, size_t n, size_t *ret_deleted,
		  struct err *err)
{
	return sum(r, "DEL", keys, n, ret_deleted, err);
}

bool redis_exists(struct redis *r, const char *const *keys, size_t n, size_t *ret, struct err *err)
{
	return sum(r, "EXISTS", keys, n, ret, err);
}
