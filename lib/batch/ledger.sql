-- SPDX-License-Identifier: GPL-3.0-or-later
-- The ledger: what batches have been cut, who works on them, and what could not be done.  It lives in
-- the database it speaks about, so that a checkpoint and the rows it covers commit together.
-- "@" is the schema (plmaint, or pg_temp in single-worker mode).  Every table has a primary key; nothing here
-- refers to a table of Pulp's and nothing of Pulp's refers to this.
CREATE TABLE @.meta (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	format integer NOT NULL,              -- layout of these tables; an older program refuses a newer one
	classifier integer NOT NULL,          -- rules that gave the verdicts; a newer program examines again
	system_identifier text NOT NULL,      -- cluster and database this ledger was made in: a restored or
	database_oid text NOT NULL,           -- cloned one has others, and retires runs and leases
	created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE @.run (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job text NOT NULL,                    -- label of the procedure
	state text NOT NULL,                  -- open, done, retired
	phase integer NOT NULL DEFAULT 0,     -- index into the job's phases
	planned boolean NOT NULL DEFAULT false, -- ranges of this phase have been cut
	sweep integer NOT NULL DEFAULT 0,     -- how often this phase has been planned
	options text NOT NULL,                -- JSON: what the first worker was asked for; joiners follow it
	invocation text NOT NULL,             -- run id of the program that opened it
	host text NOT NULL,
	version text NOT NULL,
	started timestamptz NOT NULL DEFAULT clock_timestamp(),
	ended timestamptz,
	total bigint NOT NULL DEFAULT 0,
	seconds double precision NOT NULL DEFAULT 0, -- working time of all sessions that took part as coordinator
	token uuid,                           -- the coordinator's lease
	lease_until timestamptz,
	pid integer,
	backend_start timestamptz
);
CREATE UNIQUE INDEX run_open ON @.run (job) WHERE state = 'open';
CREATE TABLE @.range (
	run bigint NOT NULL,
	id integer NOT NULL,
	phase integer NOT NULL,
	sweep integer NOT NULL DEFAULT 0,     -- the plan of the phase that cut it
	lo uuid NOT NULL,                     -- first and last pending key when it was cut
	hi uuid NOT NULL,
	pos uuid,                             -- all keys up to this one are settled
	total integer NOT NULL,
	done integer NOT NULL DEFAULT 0,      -- rows looked at and settled, of which:
	changed integer NOT NULL DEFAULT 0,
	partial integer NOT NULL DEFAULT 0,
	quarantined integer NOT NULL DEFAULT 0,
	skipped integer NOT NULL DEFAULT 0,   -- changed or locked by somebody else: left for the next sweep
	bytes bigint NOT NULL DEFAULT 0,
	finished boolean NOT NULL DEFAULT false,
	debt smallint NOT NULL DEFAULT 0,     -- cache: 0 none, 1 rows that still have their link, 2 every row of the range
	token uuid,
	lease_until timestamptz,
	pid integer,
	backend_start timestamptz,
	PRIMARY KEY (run, id)
);
CREATE TABLE @.verdict (
	kind text NOT NULL,                   -- "manifest"
	id uuid NOT NULL,
	effect text NOT NULL,                 -- examined: final although it looks pending; partial; quarantine
	reason text NOT NULL DEFAULT '',      -- code from the list of reasons; '' for examined
	missing text NOT NULL DEFAULT '',     -- partial: fields that could not be derived
	digest text NOT NULL DEFAULT '',
	media_type text NOT NULL DEFAULT '',
	detail text NOT NULL DEFAULT '',
	sqlstate text NOT NULL DEFAULT '',
	fingerprint text NOT NULL DEFAULT '', -- what the verdict depends on in the database
	file text NOT NULL DEFAULT '',        -- the file it depends on, its size and ctime in ns (-1: was not there)
	domain text NOT NULL DEFAULT '',
	file_size bigint,
	file_changed bigint,
	transient boolean NOT NULL DEFAULT false, -- may pass: withdrawn when the breaker trips
	run bigint NOT NULL,
	at timestamptz NOT NULL DEFAULT now(),
	accepted text,                        -- why an operator accepted it
	PRIMARY KEY (kind, id)
);
CREATE TABLE @.debt (
	repository_id uuid PRIMARY KEY,       -- its distributions must be flushed; all zeros: every distribution
	since timestamptz NOT NULL DEFAULT now()
);
