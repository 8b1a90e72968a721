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
 * ERR_LOCKED when somebody does.  Also settles what a kill left in doubt. */
bool verdict_file_claim(struct pg *db, const char *state_dir, struct err *err) MUST_CHECK;
/* Fills a temporary ledger with what is remembered. */
bool verdicts_copy(const struct ledger *l, struct pg *db, const char *state_dir,
		   struct err *err) MUST_CHECK;
/* Writes the rows of `from` (a table or such an expression) into the file, whole or not at all. */
bool verdict_file_save(struct pg *db, const char *from, const char *state_dir,
		       struct err *err) MUST_CHECK;
/*
 * The same for rows whose verdicts would be missed if a kill came between their commit and the
 * file's writing.  intend, in their transaction: the rows count once it has committed, which who
 * comes later asks the server.  keep, after the commit: they count from now on.
 */
bool verdict_file_intend(struct pg *db, const char *from, const char *state_dir,
			 struct err *err) MUST_CHECK;
bool verdict_file_keep(struct pg *db, const char *state_dir, struct err *err) MUST_CHECK;
