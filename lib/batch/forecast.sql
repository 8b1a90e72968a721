-- SPDX-License-Identifier: GPL-3.0-or-later
-- Format 4 of the ledger: how large the rows of a range are, so that the end of a run can be told from what is
-- left and not from how many.  As with ledger.sql, "@" is the schema.
ALTER TABLE @.range ADD COLUMN size double precision; -- bytes to load, from a sample; NULL: usual ones
