/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making text safe to print, and breaking it into lines. */
#include "lib/core/text.h"

#include "lib/core/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t utf8_sequence(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned lead = u[0];
	size_t n = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (n == 0 || lead > 0xf4 || (size_t)(end - p) < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if ((lead == 0xe0 && u[1] < 0xa0) || (lead == 0xed && u[1] > 0x9f) ||
	    (lead == 0xf0 && u[1] < 0x90) || (lead == 0xf4 && u[1] > 0x8f))
		return 0;
	return n;
}

/* Of a sequence of that length. */
static uint32_t decode(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	uint32_t c = len == 1 ? u[0] : u[0] & (0x7fU >> len);

	for (size_t i = 1; i < len; i++)
		c = c << 6 | (u[i] & 0x3fU);
	return c;
}

bool text_ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), tail = strlen(end);

	return len >= tail && strcmp(s + len - tail, end) == 0;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void escape(struct strbuf *out, const char *s, const char *keep)
{
	for (const char *end = s + strlen(s); s < end;) {
		size_t len = utf8_sequence(s, end);
		uint32_t c = len ? decode(s, len) : 0;

		if (len == 0) {
			strbuf_addf(out, "\\x%02x", (unsigned)(unsigned char)*s);
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

/* In data only these are changed, so that a pattern in a message of a server stays one. */
static const struct {
	const char *mark, *one, *many;
	bool verb;
} agreements[] = {
	{ "(s)", "", "s", false },
	{ "(es)", "", "es", false },
	{ "(y|ies)", "y", "ies", false },
	{ "(it|they)", "it", "they", true },
	{ "(it|them)", "it", "them", true },
	{ "(its|their)", "its", "their", true },
	{ "(is|are)", "is", "are", true },
	{ "(has|have)", "has", "have", true },
	{ "(was|were)", "was", "were", true },
	{ "(does|do)", "does", "do", true },
	{ "(s|)", "s", "", true }, /* "keep(s|)" */
};

enum number { NUMBER_NONE, NUMBER_ONE, NUMBER_MANY };

/* A whole number of a text, thousands set off by commas; *ret_len 0: there is none. */
static enum number read_count(const char *text, const char *at, size_t *ret_len)
{
	size_t len = strspn(at, "0123456789,");

	*ret_len = 0;
	if (at > text && (isalnum((unsigned char)at[-1]) || strchr("._-:/", at[-1])))
		return NUMBER_NONE;
	while (len > 0 && at[len - 1] == ',')
		len--;
	if (len == 0 || *at == ',' || isalpha((unsigned char)at[len]) ||
	    (at[len] == '.' && isdigit((unsigned char)at[len + 1])))
		return NUMBER_NONE;
	*ret_len = len;
	return len == 1 && *at == '1' ? NUMBER_ONE : NUMBER_MANY;
}

/* Writes the word for the mark that at begins with; its length, 0 where that is none. */
static size_t put_agreed(char **out, const char *at, enum number noun, enum number verb)
{
	for (size_t i = 0; i < ARRAY_LEN(agreements); i++) {
		size_t len = strlen(agreements[i].mark);
		enum number n = agreements[i].verb ? verb : noun;
		const char *word = n == NUMBER_ONE ? agreements[i].one : agreements[i].many;

		if (n == NUMBER_NONE || strncmp(at, agreements[i].mark, len) != 0)
			continue;
		*out = stpcpy(*out, word);
		return len;
	}
	return 0;
}

void text_agree(char *out, const char *text)
{
	enum number noun = NUMBER_NONE, verb = NUMBER_NONE;
	const char *end = text; /* of the last number */

	for (const char *at = text; *at;) {
		size_t len;
		enum number n = read_count(text, at, &len);

		if (len > 0) {
			bool part = strncmp(end, " of ", 4) == 0 && (size_t)(at - end) <= 8;

			verb = part ? verb : n;
			noun = n;
			end = at + len;
		} else {
			len = put_agreed(&out, at, noun, verb);
			at += len;
			if (len > 0)
				continue;
			len = 1;
		}
		out = mempcpy(out, at, len);
		at += len;
	}
	*out = '\0';
}

char *text_agreed(const char *text)
{
	char *out = xstrdup(text);

	text_agree(out, text);
	return out;
}

void text_bytes(double bytes, char *out, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	size_t u = 0;

	while (bytes >= 999.5 && u < 5) {
		bytes /= 1000;
		u++;
	}
	(void)snprintf(out, size, u && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

void text_addf(struct strbuf *out, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort(); /* as each of our allocations does */

	AUTO_FREE char *agreed = text_agreed(text);

	free(text);
	strbuf_adds(out, agreed);
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

void text_sentence(struct strbuf *out, const char *phrase)
{
	size_t at = out->len;

	strbuf_adds(out, phrase);
	if (out->len > at && out->data[at] >= 'a' && out->data[at] <= 'z')
		out->data[at] = (char)(out->data[at] - 'a' + 'A');
	if (!text_ends_with(phrase, "."))
		strbuf_adds(out, ".");
}
