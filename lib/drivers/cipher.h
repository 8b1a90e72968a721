/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Encryption to a recipient by age or gpg, run as a process.  Only what is public, or the name of a
 * file, is ever in its argv: "age:FILE" names a file of recipients, "gpg:FILE" a file with a public
 * key, "gpg:NAME" a key of root's keyring (a whole fingerprint is trusted as it stands, other names
 * as far as gpg trusts them).
 */
#pragma once
#include "lib/drivers/filter.h"

/* Whether it is of such a form; the program is not asked. */
bool cipher_check(const char *how, struct err *err) MUST_CHECK;
const char *cipher_suffix(const char *how); /* ".age", ".gpg"; "" for NULL */
bool cipher_encrypt(const char *how, struct filter **ret, struct err *err) MUST_CHECK;

bool cipher_named(const char *path); /* whether the name of the file says that it is encrypted */
/* By the name of the file; *ret is NULL where it is not encrypted.  identity: age's file of secret
 * keys, or NULL; gpg asks its own agent. */
bool cipher_decrypt(const char *path, const char *identity, struct filter **ret,
		    struct err *err) MUST_CHECK;
