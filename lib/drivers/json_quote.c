/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Quoting for JSON lines: not json-c's, which makes an object per value and passes invalid UTF-8
 * on.  C1 controls and DEL are escaped too, since somebody will look at the line in a terminal.
 */
#include "lib/drivers/json.h"
#include <stdio.h>
#include <string.h>

/*
 * Length of the well-formed UTF-8 sequence at p (Unicode, table 3-7).  For an ill-formed one
 * *ret_bad is set and the length is that of its maximal subpart: one U+FFFD stands for it.
 */
static size_t sequence(const unsigned char *p, size_t len, bool *ret_bad)
{
	unsigned char first = p[0], low = 0x80, high = 0xBF;
	size_t more;
	*ret_bad = false;
	if (first < 0x80)
		return 1;
	if (first >= 0xC2 && first <= 0xDF)
		more = 1;
	else if (first >= 0xE0 && first <= 0xEF)
		more = 2;
	else if (first >= 0xF0 && first <= 0xF4)
		more = 3;
	else
		more = 0;
	if (first == 0xE0)
		low = 0xA0; /* shorter forms exist */
	else if (first == 0xED)
		high = 0x9F; /* surrogates */
	else if (first == 0xF0)
		low = 0x90;
	else if (first == 0xF4)
		high = 0x8F; /* beyond U+10FFFF */
	size_t n = 1;
	for (; n <= more && n < len && p[n] >= low && p[n] <= high; n++) {
		low = 0x80;
		high = 0xBF;
	}
	*ret_bad = more == 0 || n <= more;
	return n;
}

static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static void escape(struct strbuf *out, unsigned code)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
		if (code == (unsigned char)letters[i]) {
			const char pair[2] = { '\\', letters[i + 1] };
			strbuf_add(out, pair, 2);
			return;
		}
	}
	strbuf_addf(out, "\\u%04x", code);
}

void json_quote(struct strbuf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	strbuf_add(out, "\"", 1);
	while (p < end) {
		const unsigned char *run = p;
		while (p < end && plain(*p))
			p++;
		strbuf_add(out, run, (size_t)(p - run));
		if (p == end)
			break;
		bool bad;
		size_t n = sequence(p, (size_t)(end - p), &bad);
		if (bad)
			strbuf_adds(out, "\xEF\xBF\xBD");
		else if (n == 1)
			escape(out, *p);
		else if (n == 2 && p[0] == 0xC2 && p[1] < 0xA0)
			escape(out, p[1]);
		else
			strbuf_add(out, p, n);
		p += n;
	}
	strbuf_add(out, "\"", 1);
}
