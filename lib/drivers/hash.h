/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 over libcrypto (FIPS 180-4). */
#pragma once
#include <stddef.h>

void sha256_hex(const void *data, size_t len,
		char out[65]); /* lower case hex, NUL-terminated; thread safe */
