/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making text safe to print, and breaking it into lines. */
#include "lib/core/text.h"

#include <stdint.h>
#include <string.h>

/* Decodes one UTF-8 character; returns its length, or 0 when it is not valid (RFC 3629). */
static size_t decode(const unsigned char *s, uint32_t *ret)
{
	size_t len = s[0] < 0x80		   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;
	uint32_t c = len == 1 ? s[0] : (uint32_t)s[0] & (0x7fU >> len);

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (len == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	*ret = c;
	return len;
}

static int is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void escape(struct strbuf *out, const char *s, const char *keep)
{
	while (*s) {
		unsigned char first = (unsigned char)*s;
		uint32_t c;
		size_t len = decode((const unsigned char *)s, &c);

		if (len == 0) {
			strbuf_addf(out, "\\x%02x", first);
			len = 1;
		} else if (!is_harmful(c) || (c < 0x80 && strchr(keep, (int)c))) {
			strbuf_add(out, s, len);
		} else {
			strbuf_addf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
		}
		s += len;
	}
}

void text_escape(struct strbuf *out, const char *s)
{
	escape(out, s, "");
}

void text_escape_lines(struct strbuf *out, const char *s)
{
	escape(out, s, "\n\t");
}

size_t text_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void text_wrap(struct strbuf *out, const char *s, size_t width, const char *indent)
{
	size_t column = 0;
	bool first = true;

	while (*s) {
		size_t blanks = strspn(s, " "), len = strcspn(s + blanks, " \n");

		if (*s == '\n') {
			strbuf_addf(out, "\n%s", indent);
			column = 0;
			first = true;
			s++;
			continue;
		}
		s += blanks;
		if (len == 0)
			continue;
		if (!first && column + 1 + len > width) {
			strbuf_addf(out, "\n%s", indent);
			column = 0;
		} else if (!first) {
			strbuf_add(out, " ", 1);
			column++;
		}
		strbuf_add(out, s, len);
		column += len;
		first = false;
		s += len;
	}
}
