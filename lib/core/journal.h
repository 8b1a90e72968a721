/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What this host has run: one file, one line an event.  Lines are added; what is old goes when the
 * file is replaced as a whole.  A line is
 *   CHECKSUM TIME RUN EVENT KEY=VALUE...   separated by tabs
 * with the CRC-32 of all that follows it.  It is written in one write and synced before the next
 * step begins, so a kill loses at most the line that it tears, and a torn line is seen and passed
 * over.
 */
#pragma once
#include "lib/core/err.h"
#include "lib/core/event.h"

struct journal;
/* Opens for adding; makes the state directory and the file when they are missing. */
bool journal_open(const char *state_dir, const char *run_id, struct journal **ret,
		  struct err *err) MUST_CHECK;
void journal_close(struct journal *j); /* NULL is fine */
/*
 * Forgets all but the newest runs.  A run that has not ended is kept while its process lives, which
 * the field pid of its run.start names.
 */
bool journal_prune(struct journal *j, size_t keep_runs, struct err *err) MUST_CHECK;
/* FIELD_TEXT, FIELD_INT and FIELD_REAL; fields ends with F_END. */
bool journal_add(struct journal *j, const char *event, const struct field *fields,
		 struct err *err) MUST_CHECK;

enum { JOURNAL_FIELDS = 16 };
struct journal_line { /* borrowed for the call */
	const char *time, *run, *event;
	struct {
		const char *key, *value;
	} fields[JOURNAL_FIELDS + 1]; /* ends with key NULL */
};
const char *journal_value(const struct journal_line *l, const char *key); /* NULL when absent */
/* Calls fn for each whole line, oldest first.  No file is no line.  *ret_damaged counts lines that
 * were passed over. */
bool journal_read(const char *state_dir, void (*fn)(void *arg, const struct journal_line *l),
		  void *arg, size_t *ret_damaged, struct err *err) MUST_CHECK;
