/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base64 (RFC 4648), read. */
#pragma once
#include "lib/core/strbuf.h"
#include <stdbool.h>

/* The digits beyond letters and numbers, in pairs of those for 62 and 63. */
#define BASE64_PLAIN "+/"
#define BASE64_URL "-_"

/*
 * Adds the bytes that the digits up to the first '=' stand for.  strict: any other character before
 * that is an error; else it is passed over, as Python does.  False: an error, or one digit too
 * many; what is added then is of no use.
 */
bool base64_decode(const char *text, size_t len, const char *last, bool strict, struct strbuf *out);
