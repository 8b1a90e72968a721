/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tokens of Python source (Python reference, "Lexical analysis"), as far as they are needed to say
 * with certainty which names a file spells and where.  What is rare or hard to be certain about
 * ends the reading with a reason: it is doubt, not an error.
 */
#pragma once
#include "lib/pulp/settings_literal.h"
#include <stdbool.h>
#include <stddef.h>

enum { LEXER_NESTING_MAX = 64 };

enum token_kind { T_END, T_NEWLINE, T_NAME, T_STRING, T_NUMBER, T_OP };

struct token {
	enum token_kind kind;
	const char *p; /* T_STRING: the body between the quotes */
	size_t len;
	int line;
	char op;	 /* T_OP: its character; longer operators come as several */
	bool column0;	 /* first of a line that is not indented, outside brackets */
	bool raw, bytes; /* T_STRING */
};

struct lexer {
	const char *p, *end;
	const char *line_start;
	int line;
	bool statement_start; /* nothing but a line end came before the next token */
	char closers[LEXER_NESTING_MAX];
	size_t depth;
	struct token tok;
	struct literal_doubt *doubt; /* the first reason, once failed */
	bool failed;
};

/* text is borrowed; a byte order mark is skipped. */
void lexer_init(struct lexer *lx, const char *text, size_t len, struct literal_doubt *doubt);
/* The next token into lx->tok.  False on doubt; the token is then T_END. */
bool lexer_advance(struct lexer *lx);
/* Ends the reading; the first reason stays.  Returns false. */
bool lexer_doubt(struct lexer *lx, const char *why, const char *name, size_t len);
bool token_is(const struct token *t, const char *word);
bool lexer_is_op(const struct lexer *lx, char op);
