/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the redis*.c files share: an address, and a byte stream to it with a deadline. */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

struct redis_address {
	bool tls, local; /* local: host is the path of a socket */
	char *host, *port;
	char *user, *password; /* NULL: none */
	char *ca_file;	       /* NULL: the system's */
	long db;
};

/* As redis-py's from_url reads it, since Pulp uses that.  Errors never repeat the URL: it may hold
 * a password. */
bool redis_address_parse(const char *url, struct redis_address *ret, struct err *err) MUST_CHECK;
void redis_address_release(struct redis_address *a);

struct redis_link;
/* deadline: clock_monotonic() by which it must be open.  where is for messages. */
bool redis_link_open(const struct redis_address *a, const char *where, double deadline,
		     struct redis_link **ret, struct err *err) MUST_CHECK;
void redis_link_close(struct redis_link *l);
bool redis_link_write(struct redis_link *l, const char *p, size_t n, double deadline,
		      struct err *err) MUST_CHECK;
/* At least one byte. */
bool redis_link_read(struct redis_link *l, char *p, size_t size, size_t *ret_n, double deadline,
		     struct err *err) MUST_CHECK;
