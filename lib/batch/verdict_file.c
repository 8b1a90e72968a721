/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts as JSON, which PostgreSQL writes and reads itself. */
#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/drivers/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char shared[] = "plmaint.verdict";
/* The columns of the table in ledger.sql, in its order. */
static const char remembered[] =
	"(SELECT * FROM json_to_recordset(current_setting('plmaint.verdicts')::json) AS r(kind text, id uuid, effect text,"
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
	if (!(name = file_name(db, err)) || !read_file(state_dir, name, &text, err))
		return false;
	if (!text) {
		*ret = NULL;
		return true;
	}
	if (!pg_query(db, "SELECT set_config('plmaint.verdicts', $1, false)",
		      (struct pg_param[]){ PG_P_TEXT(text) }, 1, NULL, err))
		return false;
	if (!pg_query(db, probe, NULL, 0, NULL, err)) {
		err_wrap(err, "%s/%s is damaged", state_dir, name);
		return err_hint(err, "Remove it: quarantined rows are then looked at again.");
	}
	*ret = remembered;
	return true;
}

/* A lock of the database, not of the host: it also keeps a second host out, and dies with the
 * session. */
bool verdict_file_claim(struct pg *db, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, "SELECT pg_try_advisory_lock(1886219636, 2)", NULL, 0, &r, err))
		return false;
	return pg_bool(r, 0, 0) ||
	       (err_set(err, ERR_LOCKED, "another plmaint is at work on this database"),
		err_hint(err,
			 "Wait for it: without a shared ledger only one may work. GRANT CREATE ON "
			 "DATABASE to Pulp's role lets several share a run."));
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

bool verdict_file_save(struct pg *db, const char *from, const char *state_dir, struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"SELECT coalesce(json_agg(v ORDER BY kind, id), '[]')::text FROM %s v", from);
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *name = file_name(db, err);

	if (!name || !pg_query(db, sql, NULL, 0, &r, err) || !state_dir_make(state_dir, err))
		return false;
	AUTO_FREE char *path = xasprintf("%s/%s", state_dir, name);
	return fs_write_atomic(path, pg_text(r, 0, 0), (size_t)pg_len(r, 0, 0), 0640, err);
}
