/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts as JSON, which PostgreSQL writes and reads itself. */
#include "lib/batch/verdict_file.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/core/stop.h"
#include "lib/drivers/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char shared[] = "plmaint.verdict";
/* The columns of the table in ledger.sql, in its order. */
static const char remembered[] =
	"(SELECT * FROM json_to_recordset(current_setting('plmaint.verdicts')::json -> 'verdicts') AS r(kind text, id uuid, effect text,"
	" reason text, missing text, digest text, media_type text, detail text, sqlstate text, fingerprint text, file text,"
	" domain text, file_size bigint, file_changed bigint, transient boolean, run bigint, at timestamptz, accepted text))";

/* A copy of the database has another oid, a restored one another cluster. */
static char *file_name(struct pg *db, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "SELECT format('verdicts-%s-%s.json', (SELECT system_identifier FROM pg_control_system()), oid)"
		    " FROM pg_database WHERE datname = current_database()",
		    NULL, 0, &r, err))
		return NULL;
	return xstrdup(pg_text(r, 0, 0));
}

/* Beside the file: what a transaction was about to make true when it was written. */
static char *doubt_name(const char *name)
{
	return xasprintf("%s.doubt", name);
}

/* *text is NULL when there is no file, or none that we may see; the caller frees it. */
static bool read_file(const char *dir, const char *name, char **text, struct err *err)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	char chunk[8192];
	ssize_t n;
	int fd;

	*text = NULL;
	if (!state_open(dir, name, O_RDONLY, &fd, err))
		return err->code == ERR_NOT_FOUND || err->code == ERR_DENIED;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0)
			strbuf_add(&b, chunk, (size_t)n);
	}
	if (n < 0)
		err_errno(err, "could not read %s/%s", dir, name);
	close(fd);
	if (n == 0)
		*text = strbuf_take(&b);
	return n == 0;
}

static bool damaged(const char *state_dir, const char *name, struct err *err)
{
	err_wrap(err, "%s/%s is damaged", state_dir, name);
	return err_hint(err, "Remove it: quarantined rows are then looked at again.");
}

/*
 * Whether the transaction that the doubt tells of has committed.  A server that was restarted since
 * may have lost it and given its number to another: then it has not, which costs a warning at most.
 */
static bool committed(struct pg *db, const char *text, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "SELECT CASE WHEN ($1::json ->> 'server')::timestamptz = pg_postmaster_start_time()"
		    " THEN coalesce(pg_xact_status(($1::json ->> 'xid')::xid8) = 'committed', false)"
		    " ELSE false END",
		    (struct pg_param[]){ PG_P_TEXT(text) }, 1, &r, err))
		return false;
	*ret = pg_bool(r, 0, 0);
	return true;
}

/* *text: what is remembered now; NULL when there is nothing.  The caller frees it. */
static bool read_remembered(struct pg *db, const char *state_dir, const char *name, char **text,
			    struct err *err)
{
	AUTO_FREE char *doubt = doubt_name(name), *other = NULL;
	bool holds = false;

	if (!read_file(state_dir, doubt, &other, err))
		return false;
	if (other && !committed(db, other, &holds, err))
		return damaged(state_dir, doubt, err);
	if (!holds)
		return read_file(state_dir, name, text, err);
	*text = other;
	other = NULL;
	return true;
}

bool verdicts_source(struct pg *db, const char *state_dir, const char **ret, struct err *err)
{
	AUTO_FREE char *name = NULL, *text = NULL;
	AUTO_FREE char *probe = xasprintf("SELECT count(*) FROM %s v", remembered);
	bool exists;

	if (!ledger_exists(db, &exists, err))
		return false;
	if (exists) {
		*ret = shared;
		return true;
	}
	if (!(name = file_name(db, err)) || !read_remembered(db, state_dir, name, &text, err))
		return false;
	if (!text) {
		*ret = NULL;
		return true;
	}
	if (!pg_query(db, "SELECT set_config('plmaint.verdicts', $1, false)",
		      (struct pg_param[]){ PG_P_TEXT(text) }, 1, NULL, err))
		return false;
	if (!pg_query(db, probe, NULL, 0, NULL, err))
		return damaged(state_dir, name, err);
	*ret = remembered;
	return true;
}

/* What a killed program left in doubt is kept or dropped, before anything else is put in doubt. */
static bool settle_doubt(struct pg *db, const char *state_dir, struct err *err)
{
	AUTO_FREE char *name = file_name(db, err), *text = NULL;
	AUTO_FREE char *doubt = name ? doubt_name(name) : NULL;
	bool holds;

	if (!name || !read_file(state_dir, doubt, &text, err))
		return false;
	if (!text)
		return true;
	if (!committed(db, text, &holds, err))
		return damaged(state_dir, doubt, err);
	if (holds)
		return state_rename(state_dir, doubt, name, err);
	return state_remove(state_dir, doubt, err);
}

/* A lock of the database, not of the host: it also keeps a second host out, and dies with the
 * session. */
static bool try_claim(struct pg *db, bool *got, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, "SELECT pg_try_advisory_lock(1886219636, 2)", NULL, 0, &r, err))
		return false;
	*got = pg_bool(r, 0, 0);
	return true;
}

bool verdict_file_claim(struct pg *db, const char *state_dir, struct err *err)
{
	/* Seconds: the session of a program that was killed lives on until its statement ends. */
	static const double wait = 5, look_again = 0.1;
	double until = clock_monotonic() + wait;
	bool got = false;

	do {
		if (!try_claim(db, &got, err))
			return false;
	} while (!got && clock_monotonic() < until && stop_wait(look_again));
	if (!got)
		return err_set(err, ERR_LOCKED, "another plmaint is at work on this database"),
		       err_hint(err,
				"Wait for it: without a shared ledger only one may work. GRANT "
				"CREATE ON DATABASE to Pulp's role lets several share a run.");
	return settle_doubt(db, state_dir, err);
}

/* Numbers of runs begin anew with each temporary ledger: what is old belongs to none. */
bool verdicts_copy(const struct ledger *l, struct pg *db, const char *state_dir, struct err *err)
{
	const char *from;

	if (!verdicts_source(db, state_dir, &from, err))
		return false;
	if (!from)
		return true;
	AUTO_FREE char *sql = xasprintf(
		"INSERT INTO @.verdict SELECT kind, id, effect, reason, missing, digest, media_type, detail, sqlstate,"
		" fingerprint, file, domain, file_size, file_changed, transient, 0, at, accepted FROM %s v",
		from);
	return ledger_query(l, db, sql, NULL, 0, NULL, err);
}

static bool write_file(struct pg *db, const char *from, const char *state_dir, const char *name,
		       struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"SELECT json_build_object('xid', pg_current_xact_id_if_assigned()::text,"
		" 'server', pg_postmaster_start_time(), 'verdicts', coalesce(json_agg(v ORDER BY kind, id), '[]'))::text"
		" FROM %s v",
		from);
	AUTO_FREE char *path = xasprintf("%s/%s", state_dir, name);
	AUTO_ROWS struct pg_rows *r = NULL;

	return pg_query(db, sql, NULL, 0, &r, err) && state_dir_make(state_dir, err) &&
	       fs_write_atomic(path, pg_text(r, 0, 0), (size_t)pg_len(r, 0, 0), 0640, err);
}

bool verdict_file_save(struct pg *db, const char *from, const char *state_dir, struct err *err)
{
	AUTO_FREE char *name = file_name(db, err);
	AUTO_FREE char *doubt = name ? doubt_name(name) : NULL;

	return name && write_file(db, from, state_dir, name, err) &&
	       state_remove(state_dir, doubt, err);
}

bool verdict_file_intend(struct pg *db, const char *from, const char *state_dir, struct err *err)
{
	AUTO_FREE char *name = file_name(db, err);
	AUTO_FREE char *doubt = name ? doubt_name(name) : NULL;

	return name && write_file(db, from, state_dir, doubt, err);
}

bool verdict_file_keep(struct pg *db, const char *state_dir, struct err *err)
{
	AUTO_FREE char *name = file_name(db, err);
	AUTO_FREE char *doubt = name ? doubt_name(name) : NULL;

	return name && state_rename(state_dir, doubt, name, err);
}
