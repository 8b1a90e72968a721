/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redis over hiredis: redis://, rediss:// (TLS), unix:// and redis+unix:// URLs, ACL user, password
 * file, ?db=N or /N. */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

struct redis;
struct redis_options {
	const char *url;
	const char *user, *password_file; /* override what the URL says; NULL: as the URL says */
	const char *ca_file;		  /* for rediss://; NULL: the system's */
	int timeout_ms;			  /* connect and command; 0 = 3000 */
};
bool redis_connect(const struct redis_options *o, struct redis **ret, struct err *err) MUST_CHECK;
void redis_close(struct redis *r);
/* Where the server of a URL is: a host, or the path of its socket, which begins with a slash.
 * Caller frees both. */
bool redis_where(const char *url, char **ret_host, char **ret_port, struct err *err) MUST_CHECK;
bool redis_ping(struct redis *r, struct err *err) MUST_CHECK;
/* What INFO says of a section ("memory"): lines of key:value, each ended by \r\n.  Caller frees. */
bool redis_info(struct redis *r, const char *section, char **ret, struct err *err) MUST_CHECK;
/* DEL in chunks of 500; *ret_deleted counts the keys that existed. */
bool redis_delete(struct redis *r, const char *const *keys, size_t n, size_t *ret_deleted,
		  struct err *err) MUST_CHECK;
bool redis_exists(struct redis *r, const char *const *keys, size_t n, size_t *ret,
		  struct err *err) MUST_CHECK;
