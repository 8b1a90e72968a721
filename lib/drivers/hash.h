/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 over libcrypto (FIPS 180-4). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX = 64 }; /* characters of a digest as text */

void sha256_hex(const void *data, size_t len,
		char out[65]); /* lower case hex, NUL-terminated; thread safe */

/* The same of what comes piece by piece; one thread at a time. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *s); /* NULL is fine */
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, char out[65]); /* begins anew */
/* Of what is left to read of an open file; *ret_size, which may be NULL, its bytes.  False: errno.
 */
bool sha256_file(int fd, int64_t *ret_size, char out[65]);
/* Whether text begins with so many characters of a digest: lower case, as we write them. */
bool sha256_is_hex(const char *text, size_t len);
