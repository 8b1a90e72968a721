/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs at work on the ledger's runs, on every host, as they speak of themselves. */
#pragma once
#include "lib/batch/ledger.h"

enum program_state { PROGRAM_WORKING, PROGRAM_HELD, PROGRAM_BETWEEN };
struct program { /* texts are borrowed from the list's rows, and are data */
	const char *invocation, *host, *reason, *progress;
	int pid;
	enum program_state state;
	bool busy; /* a session of it has a transaction open */
	/* It has said that it is at work.  Else it is only seen to listen: it counts what there is
	 * to do, or looks; the invocation is its first 8 characters. */
	bool joined;
};
struct programs {
	struct program *item;
	size_t n;
	struct pg_rows *rows;
};
/* Those that have a session in this database now, who has joined last first.  None where no ledger
 * is.  known (may be NULL): who was seen before, and counts while any session of its is left, also
 * where none listens for the moment. */
bool programs_read(struct pg *db, const struct programs *known, struct programs *ret,
		   struct err *err) MUST_CHECK;
void programs_release(struct programs *p);
/* The last word of one: with which exit status it ends.  Where it has said nothing before, as in a
 * dry run, it says nothing now. */
bool program_end(struct pg *db, const char *invocation, int status, struct err *err) MUST_CHECK;
/* The worst exit status of those that have ended since a time of the server's clock; *any: some
 * have.  One that was killed has had no last word. */
bool programs_ended(struct pg *db, const char *since, bool *any, int *worst,
		    struct err *err) MUST_CHECK;
#define AUTO_PROGRAMS __attribute__((cleanup(programs_release)))
