/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Installers write Pulp's settings as plain literals, and then reading them here saves the start of
 * a Python (0.4 s).  Everything else is doubt, not an error: the tokens of the whole file are
 * looked at (Python reference, "Lexical analysis"), and any word that could bind a wanted name in a
 * way not understood here ends the reading.  Dynaconf's own language counts too: it converts
 * strings that begin with "@", merges where it is told to, and splits names at "__".
 */
#include "lib/pulp/settings_literal.h"
#include "lib/core/text.h"
#include "lib/drivers/json.h"
#include "lib/pulp/manifest.h"
#include "lib/pulp/python_lexer.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WANTED_MAX = 64 };

/* A word that can bind names without spelling them, or reach the code that does. */
static const char *const reflection[] = { "exec",      "eval",		"compile",     "globals",
					  "locals",    "vars",		"setattr",     "delattr",
					  "importlib", "import_module", "builtins",    "inspect",
					  "modules",   "f_globals",	"f_locals",    "_getframe",
					  "runpy",     "ctypes",	"load_source", NULL };

static bool contains_nocase(const char *p, size_t len, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp(p + i, word, n) == 0)
			return true;
	return false;
}

/* A carriage return alone ends a line for Python and for nobody else, also inside a comment. */
static bool has_lone_cr(const char *text, size_t len)
{
	for (const char *p = text; (p = memchr(p, '\r', (size_t)(text + len - p))); p++)
		if (p + 1 == text + len || p[1] != '\n')
			return true;
	return false;
}

/* One code point as UTF-8; false for what UTF-8 or a C string cannot hold. */
static bool add_code_point(struct strbuf *out, uint32_t c)
{
	char b[4];
	size_t n;

	if (c == 0 || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return false;
	if (c < 0x80) {
		b[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		b[0] = (char)(0xc0 | c >> 6);
		b[1] = (char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		b[0] = (char)(0xe0 | c >> 12);
		b[1] = (char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		b[0] = (char)(0xf0 | c >> 18);
		b[1] = (char)(0x80 | (c >> 12 & 0x3f));
		b[2] = (char)(0x80 | (c >> 6 & 0x3f));
		b[3] = (char)(0x80 | (c & 0x3f));
		n = 4;
	}
	strbuf_add(out, b, n);
	return true;
}

/* Up to max digits of the base from *p; returns how many there were. */
static size_t digits(const char **p, const char *end, int base, size_t max, uint32_t *ret)
{
	size_t n = 0;
	for (*ret = 0; n < max && *p < end; n++, (*p)++) {
		int d = hex_digit(**p);
		if (d < 0 || d >= base)
			break;
		*ret = *ret * (uint32_t)base + (uint32_t)d;
	}
	return n;
}

/* *p is after the backslash. */
static bool add_escape(const char **p, const char *end, struct strbuf *out)
{
	static const char names[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
	char c = *(*p)++;
	const char *simple = strchr(names, c);
	uint32_t code;

	if (c == '\n')
		return true;
	if (simple) {
		strbuf_add(out, &values[simple - names], 1);
		return true;
	}
	if (c >= '0' && c <= '7') {
		(*p)--;
		digits(p, end, 8, 3, &code);
		return add_code_point(out, code);
	}
	if (c == 'x' || c == 'u' || c == 'U') {
		size_t want = c == 'x' ? 2 : c == 'u' ? 4 : 8;
		return digits(p, end, 16, want, &code) == want && add_code_point(out, code);
	}
	if (c == 'N')
		return false;
	/* Python keeps the backslash of an escape that it does not know. */
	strbuf_adds(out, "\\");
	(*p)--;
	return true;
}

/* One string or several side by side; leaves the token after them. */
static bool parse_string(struct lexer *lx, struct strbuf *json)
{
	struct strbuf text AUTO_STRBUF = { 0 };

	while (lx->tok.kind == T_STRING) {
		const char *p = lx->tok.p, *end = p + lx->tok.len;
		if (lx->tok.bytes)
			return lexer_doubt(lx, "holds bytes instead of text", "", 0);
		while (p < end) {
			const char *plain = p;
			while (p < end && (*p != '\\' || lx->tok.raw))
				p++;
			strbuf_add(&text, plain, (size_t)(p - plain));
			if (p == end)
				break;
			p++;
			if (p == end || !add_escape(&p, end, &text))
				return lexer_doubt(lx, "has an escape that is not understood", "",
						   0);
		}
		if (!lexer_advance(lx))
			return false;
	}
	if (text.len > 0 && text.data[0] == '@')
		return lexer_doubt(lx, "has a value that dynaconf converts", "@", 1);
	if (text.len > 0 && contains_nocase(text.data, text.len, "dynaconf"))
		return lexer_doubt(lx, "speaks to dynaconf", "", 0);
	json_quote(json, text.len ? text.data : "", text.len);
	return true;
}

/* PEP 515: an underscore stands between digits, or behind the letter of the base. */
static bool underscore_fits(const struct token *t, size_t i)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	return i > 0 && i + 1 < t->len && strchr(hex, t->p[i + 1]) &&
	       (strchr(hex, t->p[i - 1]) || (i == 2 && t->p[0] == '0'));
}

/* An int or a float without its sign, as JSON. */
static bool parse_number(struct lexer *lx, bool negative, struct strbuf *json)
{
	static const char why[] = "has a number that is not understood";
	char text[64];
	size_t n = 0;
	int base = 10;
	char *end;

	for (size_t i = 0; i < lx->tok.len; i++) {
		char c = lx->tok.p[i];
		if (n + 1 >= sizeof text || (c == '_' && !underscore_fits(&lx->tok, i)))
			return lexer_doubt(lx, why, lx->tok.p, lx->tok.len);
		if (c != '_')
			text[n++] = c;
	}
	text[n] = '\0';
	const char *start = text;
	size_t before = json->len;
	if (text[0] == '0' && n > 2 && strchr("xXoObB", text[1])) {
		base = (text[1] | 0x20) == 'x' ? 16 : (text[1] | 0x20) == 'o' ? 8 : 2;
		start += 2;
		/* strtoll would take a second prefix here. */
		if (base != 8 && strchr("xXbB", start[1]) && start[1] && start[0] == '0')
			return lexer_doubt(lx, why, lx->tok.p, lx->tok.len);
	}
	errno = 0;
	long long value = strtoll(start, &end, base);
	bool zero_first = base == 10 && start[0] == '0' && value != 0;
	if (*end == '\0' && errno == 0 && !zero_first) {
		strbuf_addf(json, "%lld", negative ? -value : value);
		return lexer_advance(lx);
	}
	if (base == 10 && strpbrk(start, ".eE") &&
	    strspn(start, "0123456789.eE+-") == strlen(start)) {
		double real = strtod(start, &end);
		if (*end == '\0' && isfinite(real)) {
			strbuf_addf(json, "%.17g", negative ? -real : real);
			/* 1e2 is a float in Python and must not become an int on the way. */
			if (!strpbrk(json->data + before, ".e"))
				strbuf_adds(json, ".0");
			return lexer_advance(lx);
		}
	}
	return lexer_doubt(lx, why, lx->tok.p, lx->tok.len);
}

static bool parse_value(struct lexer *lx, struct strbuf *json);

/* The token after the opening bracket is current.  A parenthesis may hold one value or be a tuple.
 */
static bool parse_sequence(struct lexer *lx, char closer, struct strbuf *json)
{
	struct strbuf items AUTO_STRBUF = { 0 };
	size_t n = 0;
	bool comma = false;

	while (!lexer_is_op(lx, closer)) {
		if (n > 0 && !comma)
			return lexer_doubt(lx, "has a value that is not a literal", "", 0);
		if (n > 0)
			strbuf_adds(&items, ",");
		if (!parse_value(lx, &items))
			return false;
		n++;
		comma = lexer_is_op(lx, ',');
		if (comma && !lexer_advance(lx))
			return false;
	}
	bool tuple = closer == ']' || n != 1 || comma;
	strbuf_adds(json, tuple ? "[" : "");
	strbuf_add(json, items.len ? items.data : "", items.len);
	strbuf_adds(json, tuple ? "]" : "");
	return lexer_advance(lx);
}

static bool parse_dict(struct lexer *lx, struct strbuf *json)
{
	strbuf_adds(json, "{");
	for (bool first = true; !lexer_is_op(lx, '}'); first = false) {
		if (!first) {
			if (!lexer_is_op(lx, ','))
				return lexer_doubt(lx, "has a value that is not a literal", "", 0);
			if (!lexer_advance(lx))
				return false;
			if (lexer_is_op(lx, '}'))
				break;
			strbuf_adds(json, ",");
		}
		if (lx->tok.kind != T_STRING)
			return lexer_doubt(lx, "has a key that is not text", "", 0);
		if (!parse_string(lx, json))
			return false;
		if (!lexer_is_op(lx, ':'))
			return lexer_doubt(lx, "has a value that is not a literal", "", 0);
		strbuf_adds(json, ":");
		if (!lexer_advance(lx) || !parse_value(lx, json))
			return false;
	}
	strbuf_adds(json, "}");
	return lexer_advance(lx);
}

/* Leaves the token after the value.  Nesting is bounded by the lexer's brackets. */
static bool parse_value(struct lexer *lx, struct strbuf *json)
{
	if (lx->tok.kind == T_STRING)
		return parse_string(lx, json);
	if (lexer_is_op(lx, '-') || lexer_is_op(lx, '+')) {
		bool negative = lx->tok.op == '-';
		if (!lexer_advance(lx))
			return false;
		if (lx->tok.kind == T_NUMBER)
			return parse_number(lx, negative, json);
	}
	if (lx->tok.kind == T_NUMBER)
		return parse_number(lx, false, json);
	if (token_is(&lx->tok, "True") || token_is(&lx->tok, "False") ||
	    token_is(&lx->tok, "None")) {
		strbuf_adds(json, *lx->tok.p == 'T'   ? "true"
				  : *lx->tok.p == 'F' ? "false"
						      : "null");
		return lexer_advance(lx);
	}
	if (lexer_is_op(lx, '{'))
		return lexer_advance(lx) && parse_dict(lx, json);
	if (lexer_is_op(lx, '[') || lexer_is_op(lx, '(')) {
		char closer = lx->tok.op == '[' ? ']' : ')';
		return lexer_advance(lx) && parse_sequence(lx, closer, json);
	}
	return lexer_doubt(lx, "has a value that is not a literal",
			   lx->tok.kind == T_NAME ? lx->tok.p : "",
			   lx->tok.kind == T_NAME ? lx->tok.len : 0);
}

/* May this word stand anywhere in the file?  Wanted names are looked at by the caller. */
static bool check_word(struct lexer *lx, const char *const *wanted)
{
	const struct token *t = &lx->tok;

	if (contains_nocase(t->p, t->len, "dynaconf"))
		return lexer_doubt(lx, "speaks to dynaconf", t->p, t->len);
	if (t->len > 2 && t->p[0] == '_' && t->p[1] == '_' && !token_is(t, "__file__"))
		return lexer_doubt(lx, "uses a name that can bind others", t->p, t->len);
	for (size_t i = 0; reflection[i]; i++)
		if (token_is(t, reflection[i]))
			return lexer_doubt(lx, "uses a name that can bind others", t->p, t->len);
	for (size_t i = 0; wanted[i]; i++) {
		size_t n = strlen(wanted[i]);
		if (t->len > n + 2 && memcmp(t->p, wanted[i], n) == 0 &&
		    memcmp(t->p + n, "__", 2) == 0)
			return lexer_doubt(lx, "changes a part of a setting", t->p, t->len);
	}
	return true;
}

/* The current token is a wanted name: takes `= literal` and the end of the statement, or doubts. */
static bool parse_binding(struct lexer *lx, const char *name, bool *bound, struct strbuf *json)
{
	if (*bound)
		return lexer_doubt(lx, "is bound or used a second time", name, strlen(name));
	if (!lx->tok.column0)
		return lexer_doubt(lx, "is used in a way that is not understood", name,
				   strlen(name));
	*bound = true;
	if (!lexer_advance(lx))
		return false;
	if (!lexer_is_op(lx, '=') || (lx->p < lx->end && *lx->p == '='))
		return lexer_doubt(lx, "is used in a way that is not understood", name,
				   strlen(name));
	strbuf_adds(json, json->len > 1 ? "," : "");
	json_quote(json, name, strlen(name));
	strbuf_adds(json, ":");
	if (!lexer_advance(lx) || !parse_value(lx, json))
		return false;
	if (lx->tok.kind != T_NEWLINE && lx->tok.kind != T_END && !lexer_is_op(lx, ';'))
		return lexer_doubt(lx, "has a value that is not a literal", name, strlen(name));
	return true;
}

/* PEP 263: a comment in one of the first two lines may name the encoding; only UTF-8 is read here.
 */
static bool is_utf8_source(const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	for (int line = 0; line < 2 && p < end; line++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		eol = eol ? eol : end;
		const char *hash = p;
		while (hash < eol && (*hash == ' ' || *hash == '\t' || *hash == '\f'))
			hash++;
		for (const char *c = hash; hash < eol && *hash == '#' && eol - c > 7; c++) {
			if (memcmp(c, "coding", 6) != 0 || (c[6] != ':' && c[6] != '='))
				continue;
			c += 7;
			while (c < eol && (*c == ' ' || *c == '\t'))
				c++;
			if (!(eol - c >= 5 && (strncasecmp(c, "utf-8", 5) == 0 ||
					       strncasecmp(c, "utf_8", 5) == 0)) &&
			    !(eol - c >= 4 && strncasecmp(c, "utf8", 4) == 0))
				return false;
			break;
		}
		p = eol < end ? eol + 1 : end;
	}
	return manifest_storable(text, len) == REASON_NONE;
}

bool settings_literal(const char *text, size_t len, const char *const *wanted, struct strbuf *json,
		      struct literal_doubt *why)
{
	struct strbuf out AUTO_STRBUF = { 0 };
	bool bound[WANTED_MAX] = { false };
	bool after_import = false;
	struct lexer lx;

	lexer_init(&lx, text, len, why);
	if (has_lone_cr(text, len))
		return lexer_doubt(&lx, "has a carriage return inside a line", "", 0);
	if (!is_utf8_source(text, len))
		return lexer_doubt(&lx, "is not plain UTF-8 text", "", 0);
	strbuf_adds(&out, "{");
	while (lexer_advance(&lx) && lx.tok.kind != T_END) {
		bool taken = false;
		if (after_import && lexer_is_op(&lx, '*'))
			return lexer_doubt(&lx, "imports all names of another module", "*", 1);
		after_import = token_is(&lx.tok, "import");
		if (lx.tok.kind != T_NAME)
			continue;
		for (size_t i = 0; wanted[i] && i < WANTED_MAX && !taken; i++) {
			taken = token_is(&lx.tok, wanted[i]);
			if (taken && !parse_binding(&lx, wanted[i], &bound[i], &out))
				return false;
		}
		if (!taken && !check_word(&lx, wanted))
			return false;
	}
	if (lx.failed)
		return false;
	strbuf_adds(&out, "}");
	strbuf_add(json, out.data, out.len);
	return true;
}
