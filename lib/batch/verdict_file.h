/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was set aside, where no shared ledger may be made: temporary tables forget, so a file in the
 * state directory remembers, one for each database.  It is read as SQL reads a table, through a
 * setting of the session, since the sessions that look may not even make a temporary one.
 */
#pragma once
#include "lib/batch/ledger.h"

/*
 * Where this database's verdicts are, to be put behind FROM: the shared ledger's table, else what
 * the state directory remembers; NULL when nothing was ever set aside.  The text is static.
 */
bool verdicts_source(struct pg *db, const char *state_dir, const char **ret,
		     struct err *err) MUST_CHECK;
/* Nobody else may write the file, or work on this database without a shared ledger, while db lives;
 * ERR_LOCKED when somebody does. */
bool verdict_file_claim(struct pg *db, struct err *err) MUST_CHECK;
/* Fills a temporary ledger with what is remembered. */
bool verdicts_copy(const struct ledger *l, struct pg *db, const char *state_dir,
		   struct err *err) MUST_CHECK;
/* Writes the rows of `from` (a table or such an expression) into the file, whole or not at all. */
bool verdict_file_save(struct pg *db, const char *from, const char *state_dir,
		       struct err *err) MUST_CHECK;
