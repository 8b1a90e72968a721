/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options as rows.  One array feeds the parser (popt, seen only in options.c), --help, the man
 * page, completion and `procedure run LABEL --param`.  Values land in the caller's struct by
 * offset: no globals.  Texts are owned by the struct (options_release frees them).
 */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

enum opt_kind {
	OPT_FLAG,    /* int: set to 1 */
	OPT_TEXT,    /* char * */
	OPT_INT,     /* long, range checked against min..max */
	OPT_SECONDS, /* double: "90", "15m", "2h", "1d" */
	OPT_SIZE,    /* long: bytes, "48MB", "1GiB" */
	OPT_LIST     /* char **: NULL-terminated, one text for each time it is given */
};

struct opt {
	const char *name; /* long name without dashes; NULL ends the table */
	char letter;	  /* or 0 */
	enum opt_kind kind;
	size_t offset;
	const char *arg;      /* metavariable: "DIR"; NULL for flags */
	const char *help;     /* one line, lower case, no stop; NULL: not shown */
	long min, max;	      /* OPT_INT and OPT_SIZE; OPT_SECONDS: min 1 refuses 0 */
	const char *fallback; /* default as text, shown in help and parsed like a value; NULL =
				 zero/NULL */
};
#define OPTS_END             \
	{                    \
		.name = NULL \
	}

/*
 * Parses argv (without program and command words) into *target (already zeroed; fallbacks are set
 * here). ret_operands: NULL-terminated array of borrowed words that are not options; caller frees
 * the array. globals: a second table that is accepted too (global options work after the
 * subcommand), may be NULL. Errors: ERR_USAGE; unknown names get the nearest known name as a hint.
 */
bool options_parse(const struct opt *table, void *target, const struct opt *globals,
		   void *global_target, int argc, char *const *argv, const char ***ret_operands,
		   struct err *err) MUST_CHECK;
/*
 * Parses only the globals that stand before the first word that is not an option; *ret_used counts
 * the words taken, their values included.  May be called again further on with the same target.
 */
bool options_parse_leading(const struct opt *globals, void *global_target, int argc,
			   char *const *argv, int *ret_used, struct err *err) MUST_CHECK;
/* Sets one option by name from text ("--param name=value"). */
bool options_set(const struct opt *table, void *target, const char *name, const char *value,
		 struct err *err) MUST_CHECK;
bool options_defaults(const struct opt *table, void *target, struct err *err) MUST_CHECK;
void options_release(const struct opt *table, void *target);

bool parse_long(const char *s, long min, long max, long *ret, struct err *err) MUST_CHECK;
/* A decimal fraction without sign or exponent: "0.25". */
bool parse_real(const char *s, double min, double max, double *ret, struct err *err) MUST_CHECK;
bool parse_seconds(const char *s, double *ret, struct err *err) MUST_CHECK;
bool parse_size(const char *s, long *ret, struct err *err) MUST_CHECK;
/* The nearest of the NULL-terminated names by edit distance, or NULL when none is near. */
const char *nearest_name(const char *word, const char *const *names);
