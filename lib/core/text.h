/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text from a database on its way to a terminal, where nothing in it may move the cursor or lie
 * about its order; and what texts are made of. */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"
#include <stdbool.h>

/* Adds s; control characters, invalid UTF-8 and marks that turn the writing direction become \xNN
 * or \uNNNN. */
void text_escape(struct strbuf *out, const char *s);
/* As text_escape, but newlines and tabs stay: for text of several lines that we composed. */
void text_escape_lines(struct strbuf *out, const char *s);
/* Columns that s takes on a terminal, one for each character. */
size_t text_columns(const char *s);
/*
 * Lets words agree with the number before them: "1 row(s) (is|are) left" becomes "1 row is left".
 * In "1 of 5 row(s) (is|are) left" the noun goes by the second number, the verb by the first.
 * Without a number before it a word stays as it is.  What is written to out is never longer than
 * text.
 */
void text_agree(char *out, const char *text);
char *text_agreed(const char *text); /* caller frees */
/* "735 B", "1.2 GB": decimal units, as disks are sold and df --si has them; 32 bytes hold it. */
void text_bytes(double bytes, char *out, size_t size);
/* Adds what printf would, its words in agreement with their numbers. */
void text_addf(struct strbuf *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Adds s broken at blanks into lines of at most width columns, each after the first begun with
 * indent beside that. */
void text_wrap(struct strbuf *out, const char *s, size_t width, const char *indent);

/* Adds a phrase of a table as a sentence: it begins with a capital and ends with a stop. */
void text_sentence(struct strbuf *out, const char *phrase);
bool text_ends_with(const char *s, const char *end);
int hex_digit(char c); /* of either case; -1: it is none */
/* Length of the UTF-8 sequence at p (RFC 3629), 0 when it is none.  p must be before end. */
size_t utf8_sequence(const char *p, const char *end);
