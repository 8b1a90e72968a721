-- SPDX-License-Identifier: GPL-3.0-or-later
-- Format 3 of the ledger: what was foretold and what came, so that the next estimate on the same
-- host knows.  As with ledger.sql, "@" is the schema.
CREATE TABLE @.calibration (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	run bigint NOT NULL,                  -- 0: before any run
	job text NOT NULL,                    -- label of the procedure
	host text NOT NULL,
	version text NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	what text NOT NULL,                   -- estimate: foretold before a run; eta: on its way;
	                                      -- cost: what a stratum's rows took; run: what all of it took
	phase text NOT NULL DEFAULT '',
	stratum text NOT NULL DEFAULT '',
	share real,                           -- eta: of the way, 0 to 1
	p10 double precision,                 -- seconds of work, without what was held
	p50 double precision,
	p90 double precision,
	actual double precision,
	rows bigint,
	bytes bigint,
	seconds double precision,             -- busy ones of all writers
	duty double precision                 -- share of time in which it worked
);
