/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The key of Pulp's encrypted columns: credentials of remotes, settings of domains' storage.  A
 * database without its key serves on, and can never again sync from a remote with a password.
 */
#pragma once
#include "lib/drivers/fernet.h"
#include "lib/drivers/pg.h"

enum { ENCRYPTION_KEYS = 16 };
struct encryption_keys {
	struct fernet_key keys[ENCRYPTION_KEYS]; /* the first encrypts, all of them open */
	size_t n;
};
/* One key a line; blank lines and those that begin with # do not count (pulpcore's own rule).
 * ERR_DATA: a line is no key, or there is none. */
bool encryption_keys_parse(const char *text, size_t len, struct encryption_keys *ret,
			   struct err *err) MUST_CHECK;
bool encryption_keys_read(const char *path, struct encryption_keys *ret,
			  struct err *err) MUST_CHECK;
void encryption_keys_wipe(struct encryption_keys *k);
#define AUTO_KEYS __attribute__((cleanup(encryption_keys_wipe)))

/* FERNET_OTHER_KEY: none of them opens it. */
enum fernet_verdict encryption_try(const struct encryption_keys *keys, const char *text,
				   size_t len);

struct encryption_seen {
	long values;  /* looked at: up to a hundred of each column */
	long foreign; /* tokens that no key opens */
	long plain;   /* text that is no token: datarepair-2327 of pulpcore */
	/* Told where each of both is, "password of the remote NAME"; may be NULL. */
	void (*tell)(void *arg, const char *where, bool foreign);
	void *arg;
};
/* Looks at the encrypted columns that this database has; seen->tell is the caller's. */
bool encryption_look(struct pg *db, const struct encryption_keys *keys,
		     struct encryption_seen *seen, struct err *err) MUST_CHECK;
