/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A token is only what tells names, strings, numbers and brackets apart; operators of several
 * characters come in pieces, since nobody here asks for them.
 */
#include "lib/pulp/python_lexer.h"
#include <string.h>

bool lexer_doubt(struct lexer *lx, const char *why, const char *name, size_t len)
{
	if (!lx->failed) {
		lx->failed = true;
		lx->doubt->why = why;
		lx->doubt->line = lx->line;
		if (len >= sizeof lx->doubt->name)
			len = sizeof lx->doubt->name - 1;
		memcpy(lx->doubt->name, name, len);
		lx->doubt->name[len] = '\0';
	}
	lx->tok = (struct token){ .kind = T_END };
	return false;
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_char(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9');
}

static void count_line(struct lexer *lx)
{
	lx->line++;
	lx->line_start = lx->p;
}

/* Skips blanks, comments, joined lines, and inside brackets the ends of lines.  False on doubt. */
static bool skip_blanks(struct lexer *lx)
{
	while (lx->p < lx->end) {
		char c = *lx->p;
		if (c == ' ' || c == '\t' || c == '\f') {
			lx->p++;
		} else if (c == '#') {
			while (lx->p < lx->end && *lx->p != '\n')
				lx->p++;
		} else if (c == '\r') {
			lx->p++;
		} else if (c == '\\') {
			size_t cr = lx->p + 1 < lx->end && lx->p[1] == '\r';
			if (lx->statement_start || lx->p + 1 + cr >= lx->end ||
			    lx->p[1 + cr] != '\n')
				return lexer_doubt(lx, "has a stray backslash", "", 0);
			lx->p += 2 + cr;
			count_line(lx);
		} else if (c == '\n' && lx->depth > 0) {
			lx->p++;
			count_line(lx);
		} else {
			return true;
		}
	}
	return true;
}

/* lx->p is at the opening quote; leaves the body in the token and lx->p after the closing quote. */
static bool lex_string(struct lexer *lx, bool raw, bool bytes, bool format)
{
	char q = *lx->p;
	size_t n = lx->end - lx->p >= 3 && lx->p[1] == q && lx->p[2] == q ? 3 : 1;
	const char *body = lx->p += n;

	while (lx->p < lx->end) {
		char c = *lx->p;
		if (c == q &&
		    (n == 1 || (lx->end - lx->p >= 3 && lx->p[1] == q && lx->p[2] == q))) {
			lx->tok.kind = T_STRING;
			lx->tok.p = body;
			lx->tok.len = (size_t)(lx->p - body);
			lx->tok.raw = raw;
			lx->tok.bytes = bytes;
			lx->p += n;
			/* A replacement field is an expression, which may bind names. */
			if (format && memchr(body, '{', lx->tok.len))
				return lexer_doubt(lx, "has a formatted string", "", 0);
			return true;
		}
		if (c == '\r')
			return lexer_doubt(lx, "has a carriage return inside a string", "", 0);
		if (c == '\\' && lx->p + 1 < lx->end)
			c = *++lx->p;
		else if (c == '\n' && n == 1)
			break;
		lx->p++;
		if (c == '\n')
			count_line(lx);
	}
	return lexer_doubt(lx, "has a string without end", "", 0);
}

/* A name, or the prefix of a string. */
static bool lex_name(struct lexer *lx)
{
	const char *start = lx->p;

	while (lx->p < lx->end && is_name_char(*lx->p))
		lx->p++;
	size_t len = (size_t)(lx->p - start);
	if (lx->p < lx->end && (*lx->p == '"' || *lx->p == '\'')) {
		bool raw = false, bytes = false, format = false, unicode = false;
		for (size_t i = 0; i < len; i++) {
			char c = (char)(start[i] | 0x20);
			bool *flag = c == 'r'	? &raw
				     : c == 'b' ? &bytes
				     : c == 'f' ? &format
				     : c == 'u' ? &unicode
						: NULL;
			if (!flag || *flag)
				return lexer_doubt(lx, "has a string of an unknown kind", start,
						   len);
			*flag = true;
		}
		if (bytes + format + unicode > 1 || (unicode && raw))
			return lexer_doubt(lx, "has a string of an unknown kind", start, len);
		return lex_string(lx, raw, bytes, format);
	}
	lx->tok.kind = T_NAME;
	lx->tok.p = start;
	lx->tok.len = len;
	return true;
}

static bool lex_bracket(struct lexer *lx, char c)
{
	if (c == '(' || c == '[' || c == '{') {
		if (lx->depth == LEXER_NESTING_MAX)
			return lexer_doubt(lx, "is nested too deeply", "", 0);
		lx->closers[lx->depth++] = c == '(' ? ')' : c == '[' ? ']' : '}';
	} else if (c == ')' || c == ']' || c == '}') {
		if (lx->depth == 0 || lx->closers[--lx->depth] != c)
			return lexer_doubt(lx, "has brackets that do not match", &c, 1);
	}
	return true;
}

bool lexer_advance(struct lexer *lx)
{
	if (lx->failed || !skip_blanks(lx))
		return false;
	lx->tok = (struct token){ .kind = T_END,
				  .line = lx->line,
				  .column0 = lx->statement_start && lx->depth == 0 &&
					     lx->p == lx->line_start };
	if (lx->p == lx->end)
		return lx->depth == 0 || lexer_doubt(lx, "ends inside brackets", "", 0);
	char c = *lx->p;
	if (c == '\n') {
		lx->p++;
		lx->tok.kind = T_NEWLINE;
		lx->statement_start = true;
		count_line(lx);
		return true;
	}
	lx->statement_start = false;
	if (c == '"' || c == '\'')
		return lex_string(lx, false, false, false);
	if (is_name_start(c))
		return lex_name(lx);
	if ((c >= '0' && c <= '9') ||
	    (c == '.' && lx->p + 1 < lx->end && lx->p[1] >= '0' && lx->p[1] <= '9')) {
		lx->tok.kind = T_NUMBER;
		lx->tok.p = lx->p;
		while (lx->p < lx->end &&
		       (is_name_char(*lx->p) || *lx->p == '.' ||
			((*lx->p == '-' || *lx->p == '+') && (lx->p[-1] | 0x20) == 'e' &&
			 (lx->tok.p[0] != '0' || (lx->tok.p[1] | 0x20) != 'x'))))
			lx->p++;
		lx->tok.len = (size_t)(lx->p - lx->tok.p);
		return true;
	}
	/* Python folds other letters to ASCII ones in names (NFKC), so that a name may be spelled
	 * in many ways. */
	if ((unsigned char)c >= 0x80 || (unsigned char)c < 0x20)
		return lexer_doubt(lx, "has an unusual character outside strings", "", 0);
	lx->tok.kind = T_OP;
	lx->tok.op = c;
	lx->p++;
	return lex_bracket(lx, c);
}

bool token_is(const struct token *t, const char *word)
{
	return t->kind == T_NAME && strlen(word) == t->len && memcmp(t->p, word, t->len) == 0;
}

bool lexer_is_op(const struct lexer *lx, char op)
{
	return lx->tok.kind == T_OP && lx->tok.op == op;
}

void lexer_init(struct lexer *lx, const char *text, size_t len, struct literal_doubt *doubt)
{
	*lx = (struct lexer){
		.p = text, .end = text + len, .line = 1, .statement_start = true, .doubt = doubt
	};
	*doubt = (struct literal_doubt){ .why = NULL };
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		lx->p += 3;
	lx->line_start = lx->p;
}
