/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reporters share: finding fields, and the blocks that the tty and plain styles both
 * print. */
#pragma once
#include "lib/core/strbuf.h"
#include "lib/report/report.h"

/* The state of one reporter of any style. */
struct report {
	struct reporter face; /* face.self is the report itself */
	struct report_options options;
	double drawn;		    /* monotonic time of the last progress; 0: none yet */
	int lines;		    /* tty: lines of progress that stand below the cursor's home */
	struct strbuf waits;	    /* tty: what is waited for now */
	char left[32];		    /* tty: how long that lasts at most, as it was drawn last */
	double until;		    /* tty: monotonic, when it is over then; NaN: unknown */
	int lost;		    /* errno of the first line that could not be written; 0: none */
	struct strbuf body, perf;   /* nagios: long output and performance data, until the end */
	struct strbuf bad;	    /* nagios: labels for its first line */
	int passed, skipped, found; /* nagios: checks */
};

const struct field *find_field(const struct field *fields, const char *key); /* NULL when absent */
const char *text_field(const struct field *fields, const char *key);	     /* NULL when absent */
const char *text_or(const struct field *fields, const char *key, const char *otherwise);
double number_field(const struct field *fields, const char *key); /* NaN when absent */

/* " 45 %  45,000 of 100,000 rows, 9,800 rows/s, about 5 s left, 4 to 7 s, 120 MB"; data is escaped.
 */
void add_progress(struct strbuf *out, const struct field *fields);
/* "; slowed: REASON", or "stalled" or "waits", where there is one. */
void add_reason(struct strbuf *out, const struct field *fields);
/* "LABEL waits: REASON"; data is escaped. */
void add_wait(struct strbuf *out, const struct field *fields);
/* Bytes in words: "1.2 GB". */
void add_bytes(struct strbuf *out, double bytes);
/* Whole numbers with a comma every three digits. */
void add_count(struct strbuf *out, double n);

/* A scenario's begin and end, the end of a step, rows set aside, notices: as a block of lines, in
 * colour where the options say so.  Nothing for events that only programs read. */
void put_block(struct report *r, const char *event, const struct field *fields);
void put_line(struct report *r, const struct strbuf *line);
/* Of the terminal, 40 at least; 80 where it goes elsewhere. */
size_t report_columns(const struct report *r);
/* Text of several lines that we composed, escaped. */
void put_text(struct report *r, const char *text);
/* Writes what was printed; remembers that it could not. */
void put_out(struct report *r);

extern const struct reporter report_json_face, report_plain_face, report_tty_face,
	report_nagios_face;
