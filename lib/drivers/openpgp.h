/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Documents signed with OpenPGP (RFC 9580): whom they name as their signer.  Nothing is verified.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { OPENPGP_FINGERPRINT = 65 }; /* 64 digits of a key of version 6 at most, and the end */
/*
 * From base64: the fingerprint that the first signature with a name for its key has, in capitals;
 * "" where it has a shorter name or there is none.  False: it is no whole document.
 */
bool openpgp_signer(const char *base64, size_t len, char ret[OPENPGP_FINGERPRINT]);
/* The 16 digits by which the key is called; "" where a fingerprint of that length is unknown. */
void openpgp_key_id(const char *fingerprint, char ret[17]);
