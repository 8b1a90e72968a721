/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Six bits a digit. */
#include "lib/core/base64.h"

#include <string.h>

static int value_of(char c, const char *last)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;

	const char *at = c ? strchr(last, c) : NULL;

	return at ? 62 + (int)((at - last) % 2) : -1;
}

bool base64_decode(const char *text, size_t len, const char *last, bool strict, struct strbuf *out)
{
	unsigned bits = 0, n = 0; /* n: how many of them are not out yet */

	for (size_t i = 0; i < len && text[i] != '='; i++) {
		int digit = value_of(text[i], last);

		if (digit < 0 && strict)
			return false;
		if (digit < 0)
			continue;
		bits = bits << 6 | (unsigned)digit;
		n += 6;
		if (n >= 8) {
			n -= 8;
			strbuf_add(out, (char[]){ (char)(bits >> n & 0xff) }, 1);
		}
	}
	return n < 6;
}
