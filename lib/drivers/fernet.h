/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tokens of Fernet, in which Pulp keeps the credentials of its database: 0x80, time, IV,
 * AES-128-CBC and HMAC-SHA256, as base64url (github.com/fernet/spec).
 */
#pragma once
#include "lib/core/strbuf.h"
#include <stddef.h>

struct fernet_key {
	unsigned char sign[16], encrypt[16];
};

enum fernet_verdict {
	FERNET_OPENED,
	FERNET_OTHER_KEY, /* a token, and this key does not open it */
	FERNET_NO_TOKEN	  /* other text */
};

/* Base64 of 32 bytes, of either alphabet, as Python reads it.  False: it is no key. */
bool fernet_key_parse(const char *text, size_t len, struct fernet_key *ret);
/* What is in the token is added to plain, which is the caller's to wipe, when it is opened. */
enum fernet_verdict fernet_open(const struct fernet_key *key, const char *token, size_t len,
				struct strbuf *plain);
