/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is migrated goes from files into the database.  A disk that is full stops the server, and
 * half way through an upgrade with a closed site it is found out too late.
 */
#include "checks/checks.h"
#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/drivers/pressure.h"
#include "lib/pulp/pending.h"

#include <math.h>
#include <stdlib.h>

/* Of a row that is filled and detached, beside its text: further versions of it and of its link. */
static const double row_bytes = 1300;
/* Once in the table and once in the write-ahead log. */
static const double times = 2;

static bool ask(const struct probe *p, const struct pulp_schema *s, const struct pending_options *o,
		double *ret_rows, double *ret_bytes, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *images = pending_where(s, PENDING_IMAGES, o);
	AUTO_FREE char *lists = pending_where(s, PENDING_LISTS, o);
	/* Before there is a place for data, all of it is still to come. */
	AUTO_FREE char *which =
		s->has_data ? xasprintf("(%s) OR (%s)", images, lists) : xstrdup("true");
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*), coalesce(sum(a.size), 0)::float8 FROM container_manifest m"
		" JOIN core_contentartifact ca ON ca.content_id = m.content_ptr_id"
		" JOIN core_artifact a ON a.pulp_id = ca.artifact_id WHERE %s",
		which);

	if (!pg_query(p->db, sql, NULL, 0, &r, err))
		return false;
	*ret_rows = (double)pg_int(r, 0, 0);
	*ret_bytes = times * (strtod(pg_text(r, 0, 1), NULL) + row_bytes * *ret_rows);
	return true;
}

/* -1: the server is elsewhere, or does not let itself be looked at. */
static bool room_of(const struct probe *p, double *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    p->db,
		    "SELECT inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr()",
		    NULL, 0, &r, err))
		return false;
	*ret = pg_bool(r, 0, 0) ? pressure_room(pg_backend_pid(p->db)) : -1;
	return true;
}

static void judge(double rows, double bytes, double room, struct outcome *out)
{
	char needed[32], left[32];

	text_bytes(bytes, needed, sizeof(needed));
	text_bytes(fmax(room, 0), left, sizeof(left));
	if (rows < 1) {
		outcome_set(out, RESULT_OK, "nothing is left that would take room");
	} else if (room < 0) {
		outcome_set(out, RESULT_OK,
			    "%.0f manifest(s) take(s|) up to %s of the database; what is free "
			    "there is not seen from here",
			    rows, needed);
	} else {
		bool fits = bytes <= room;

		outcome_set(
			out, fits ? RESULT_OK : RESULT_FINDING,
			"%.0f manifest(s) take(s|) up to %s of the database, where %s%s are free",
			rows, needed, fits ? "" : "only ", left);
		if (!fits)
			outcome_hint(out, "Give the file system of the database more room before.");
	}
	outcome_count(out, "found", rows >= 1 && room >= 0 && bytes > room);
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct pending_options o = { .without_links = true };
	struct pulp_schema s;
	struct pending_counts c;
	double rows = 0, bytes = 0, room;

	(void)params;
	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err) ||
	    !pending_known(p, true, &o, &s, &c, err) || !room_of(p, &room, err))
		return false;
	bool any = !s.has_data || c.images + c.lists > 0;
	if (any && !ask(p, &s, &o, &rows, &bytes, err))
		return false;
	judge(rows, bytes, room, out);
	return true;
}

const struct check check_pulp_upgrade_space = {
	.label = "pulp-upgrade-space",
	.summary = "the database has room for what is still to be migrated",
	.source = "container_manifest, core_artifact, statvfs(3) where the server works",
	.explain = "By the sizes of the manifests' artifacts: once for the table and once for its "
		   "write-ahead log. Where the server is on another host its room is not seen.",
	.cost = "one scan of all manifests, which checks of this kind share, and the links of those "
		"that are pending",
	.tags = (const char *const[]){ "pre-upgrade", "upgrade", "database", NULL },
	.needs = NEED_DB,
	.shares = "pending",
	.run = run,
};
