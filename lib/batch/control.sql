-- SPDX-License-Identifier: GPL-3.0-or-later
-- Format 2 of the ledger: what operators want of the programs at work, what those programs say of
-- themselves, and who wanted what when.  As with ledger.sql, "@" is the schema.
CREATE TABLE @.knob (
	name text PRIMARY KEY,                -- "paused", or a name of knobs.def
	value text NOT NULL,                  -- range checked by whoever reads it
	until timestamptz,                    -- NULL: until it is changed
	actor text NOT NULL,                  -- user@host
	at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE @.event (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	actor text NOT NULL,                  -- user@host
	verb text NOT NULL,                   -- pause, resume, stop, stop-now, tune
	knob text NOT NULL DEFAULT '',        -- tune: which, and from what to what ('': as configured)
	old text NOT NULL DEFAULT '',
	new text NOT NULL DEFAULT '',
	until timestamptz
);
CREATE TABLE @.program (
	invocation text PRIMARY KEY,          -- its run id; its sessions are named after the first 8 characters
	host text NOT NULL,
	pid integer NOT NULL,
	event bigint NOT NULL,                -- the last event when it began: a stop after this one is meant for it
	state text NOT NULL DEFAULT 'between', -- working, held, between batches (in another step), ended
	reason text NOT NULL DEFAULT '',      -- held: why; ended: the exit status
	progress text NOT NULL DEFAULT '',    -- its last event "progress", as JSON
	began timestamptz NOT NULL DEFAULT clock_timestamp(),
	beat timestamptz NOT NULL DEFAULT clock_timestamp()
);
