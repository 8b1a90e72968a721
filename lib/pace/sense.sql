-- SPDX-License-Identifier: GPL-3.0-or-later
-- How the server fares, one row.  What may not be seen is NULL; what does not apply is -1.
-- $1: the tables that we work on, names in one array.  @..@ depend on the server's release.
WITH others AS MATERIALIZED (
	SELECT a.pid, a.state, a.state_change, a.query_start, a.wait_event_type
	  FROM pg_stat_activity a
	 WHERE a.backend_type = 'client backend' AND a.application_name NOT LIKE 'plmaint:%'
), standbys AS MATERIALIZED (
	SELECT state, replay_lag, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) AS behind
	  FROM pg_stat_replication
), archiver AS (
	SELECT *, (current_setting('archive_mode') <> 'off') AS enabled,
	       substring(last_archived_wal FROM '^[0-9A-F]{24}') AS segment
	  FROM pg_stat_archiver
)
SELECT
	-- others at work now
	(SELECT count(*) FROM others WHERE state = 'active'),
	-- ... or at work a moment ago
	(SELECT count(*) FROM others WHERE state <> 'idle' OR state_change > clock_timestamp() - interval '0.25 s'),
	-- lock_wait, milliseconds
	(SELECT coalesce(max(extract(epoch FROM clock_timestamp() - @waitstart@)) * 1000, 0)
	   FROM others o
	  WHERE wait_event_type = 'Lock'
	    AND EXISTS (SELECT FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(o.pid))
	                AND b.application_name LIKE 'plmaint:%')),
	-- lock_waiters
	(SELECT count(*) FROM others WHERE wait_event_type = 'Lock'),
	-- lag_time, seconds
	(SELECT CASE WHEN count(*) = 0 THEN -1 WHEN bool_or(state IS NULL) THEN NULL
	        ELSE max(CASE WHEN behind < 1000000 THEN 0 ELSE extract(epoch FROM replay_lag) END) END FROM standbys),
	-- lag_bytes
	(SELECT CASE WHEN count(*) = 0 THEN -1 WHEN bool_or(state IS NULL) THEN NULL ELSE max(behind) END FROM standbys),
	-- slot: share of what it may keep; without a limit, of four times max_wal_size
	(SELECT CASE WHEN count(*) = 0 THEN -1 ELSE max(kept / greatest(@slot_limit@, 1)) END
	   FROM (SELECT *, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 AS kept FROM pg_replication_slots
	          WHERE restart_lsn IS NOT NULL) s),
	-- archive: segments that wait; of an archiver that has done none yet nobody knows
	(SELECT CASE WHEN NOT enabled THEN -1 WHEN segment IS NULL THEN NULL ELSE
	        greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') / pg_size_bytes(current_setting('wal_segment_size'))
	                 - ('x' || substr(segment, 9, 8))::bit(32)::bigint * (4294967296 / pg_size_bytes(current_setting('wal_segment_size')))
	                 - ('x' || substr(segment, 17, 8))::bit(32)::bigint - 1) END FROM archiver),
	-- archiver: 1 while it fails
	(SELECT CASE WHEN NOT enabled THEN -1
	        ELSE coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)::int END FROM archiver),
	-- checkpoints that were requested, since ever
	(SELECT @checkpoints@),
	-- autovacuum: 1 on a table of ours, 2 while it truncates
	(SELECT coalesce(max(CASE WHEN phase LIKE 'truncating%' THEN 2 ELSE 1 END), 0)
	   FROM pg_stat_progress_vacuum v
	  WHERE v.datname = current_database() AND v.relid IN (SELECT to_regclass(t)::oid FROM unnest($1::text[]) t)
	    AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = v.pid AND a.application_name LIKE 'plmaint:%')),
	-- connections: share taken
	(SELECT count(*)::float8 / greatest(1, current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)
	   FROM pg_stat_activity WHERE backend_type = 'client backend'),
	-- deadlocks of this database, since ever; a server that counts nothing says 0
	(SELECT CASE WHEN current_setting('track_counts')::bool THEN deadlocks ELSE -1 END
	   FROM pg_stat_database WHERE datname = current_database()),
	-- where the WAL is, bytes since ever
	pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'),
	-- whether this is the server's own host
	coalesce(inet_server_addr() = inet_client_addr(), true)
