/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looks at the restored site as its users do: is it there, and are its images?  Pulp is at work by
 * then, and goes on with what it was doing at the moment of the backup: what it has removed since
 * is not missing.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/http.h"
#include "lib/pulp/look.h"
#include "procedures/procedures.h"
#include "procedures/restore_compare.h"

#include <stdio.h>
#include <string.h>

enum { PULLS = 100, BODY_MAX = 16 << 20 };

static bool connect_live(const struct probe *p, struct pg **ret, struct err *err)
{
	const struct pg_options o = { .conninfo = p->place.conninfo,
				      .application_name = "plmaint:restore",
				      .read_only = true };

	return pg_connect(&o, ret, err);
}

/* p has a session of its own with the restored database. */
static bool all_online(const struct probe *p, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!look_query(p,
			"SELECT count(DISTINCT app_type) = 3 FROM {heartbeats} h"
			" WHERE last_heartbeat >= now() - ttl",
			&r, err))
		return false;
	*ret = pg_bool(r, 0, 0);
	return true;
}

static bool wait_until_online(const struct probe *p, struct outcome *out, struct err *err)
{
	double since = clock_monotonic(), limit;
	bool online = false;

	if (!config_seconds(p->config, "services.timeout", &limit, err))
		return false;
	for (;;) {
		if (!all_online(p, &online, err))
			return false;
		if (online)
			return true;
		if (clock_monotonic() - since > limit || !stop_wait(0.25))
			break;
	}
	outcome_set(out, RESULT_FAILED, "Pulp's services do not sign on in the restored database");
	outcome_hint(out, "Look into their logs; `plmaint restore revert` goes back to the "
			  "databases of before.");
	return true;
}

struct pulls {
	size_t good, refused, bad;
};

#define SERVED                                                                   \
	" FROM core_distribution d"                                              \
	" JOIN core_repositorycontent c"                                         \
	"	ON c.repository_id = d.repository_id AND c.version_removed_id IS NULL" \
	" JOIN container_manifest m ON m.content_ptr_id = c.content_id"          \
	" WHERE d.pulp_type = 'container.container'"

static bool served(struct pg *db, const char *path, const char *digest)
{
	const struct pg_param wanted[] = { PG_P_TEXT(path), PG_P_TEXT(digest) };
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	return !pg_query(db, "SELECT" SERVED " AND d.base_path = $1 AND m.digest = $2 LIMIT 1",
			 wanted, 2, &r, &ignored) ||
	       pg_rows_count(r) > 0;
}

static void pull(struct pg *db, const char *url, const char *path, const char *digest,
		 struct pulls *n, struct outcome *out)
{
	AUTO_FREE char *whole =
		xasprintf("%s%s%s/manifests/%s", url,
			  *url && url[strlen(url) - 1] == '/' ? "" : "/", path, digest);
	const struct http_options o = { .max_body = BODY_MAX };
	AUTO_STRBUF struct strbuf body = { 0 };
	char found[65];
	struct err err;
	long status;

	if (!http_get(whole, &o, &body, &status, &err)) {
		n->bad++;
		outcome_example(out, "%s: %s", whole, err.text);
		return;
	}
	sha256_hex(body.data ? body.data : "", body.len, found);
	if (status == 200 && strcmp(digest + strlen("sha256:"), found) == 0) {
		n->good++;
	} else if (status == 401 || status == 403 || (status >= 300 && status < 400)) {
		n->refused++;
	} else if (served(db, path, digest)) {
		n->bad++;
		outcome_example(out, "%s: HTTP %ld%s", whole, status,
				status == 200 ? " with other bytes" : "");
	}
}

static bool pull_some(const struct probe *p, struct pg *db, struct pulls *n, struct outcome *out,
		      struct err *err)
{
	const char *url = config_get(p->config, "restore.pull_url");
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!url)
		return true;
	if (!look_query(p,
			"SELECT * FROM (SELECT DISTINCT d.base_path, m.digest" SERVED
			" AND m.digest LIKE 'sha256:%') x ORDER BY random() LIMIT 100",
			&r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r) && i < PULLS && !stop_requested(); i++)
		pull(db, url, pg_text(r, i, 0), pg_text(r, i, 1), n, out);
	return true;
}

/* false: nothing is wrong. */
static bool fail(const struct restore_files *f, const struct pulls *n, struct outcome *out)
{
	size_t all = n->good + n->refused + n->bad;

	if (n->bad)
		outcome_set(out, RESULT_FAILED, "%zu of %zu manifest(s) could not be pulled",
			    n->bad, all);
	else if (f->bad)
		outcome_set(out, RESULT_FAILED,
			    "%zu of %zu artifact(s) that were read are not on disk, or have other "
			    "bytes",
			    f->bad, f->read);
	else
		return false;
	outcome_hint(out, "%s`plmaint restore revert` goes back to the databases of before.",
		     f->bad ? "Something deletes them. " : "");
	return true;
}

static void conclude(const struct probe *p, const struct restore_files *f, const struct pulls *n,
		     struct outcome *out)
{
	bool asked = config_get(p->config, "restore.pull_url");

	if (fail(f, n, out))
		return;
	if (n->refused)
		outcome_set(out, RESULT_WARNING,
			    "%zu manifest(s) (was|were) pulled, %zu want(s|) a login", n->good,
			    n->refused);
	else if (n->good)
		outcome_set(out, RESULT_OK,
			    "%zu manifest(s) (was|were) pulled and are what their digests say",
			    n->good);
	else
		outcome_set(out, RESULT_OK,
			    "%zu artifact(s) (was|were) read from disk and are what their digests "
			    "say: %s",
			    f->read,
			    asked ? "no manifest is served" : "restore.pull_url is not set");
}

/* db: the session that p has. */
static bool look(const struct probe *p, struct pg *db, const struct restore_job *j,
		 struct outcome *out, struct err *err)
{
	struct restore_files f = { 0 };
	struct pulls n = { 0 };

	if (!wait_until_online(p, out, err))
		return false;
	if (out->result != RESULT_OK)
		return true;
	if (!pull_some(p, db, &n, out, err))
		return false;
	if (n.good == 0 && n.bad == 0 && !restore_compare_files(j, p, &f, out, err))
		return false;
	conclude(p, &f, &n, out);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct memo columns = { 0 };
	struct probe p = *a->look;
	struct pg *db = NULL;

	if (!restore_job_open(a->look, params, &j, err) || !connect_live(a->look, &db, err))
		return false;
	p.db = db;
	p.columns = &columns;
	bool ok = look(&p, db, &j, out, err);
	memo_forget(&columns);
	pg_close(db);
	return ok;
}

const struct procedure procedure_restore_verify = {
	.label = "restore-verify",
	.summary = "the restored site works: services, artifacts, pulls",
	.explain = "Waits until api, content and worker have signed on in the restored database, "
		   "and pulls up to a hundred manifests by digest below restore.pull_url. Where "
		   "that is not set, or wants a login, a hundred artifacts are read from disk "
		   "instead. Pulp goes on with what it was doing when it was backed up: what a "
		   "cleanup removes meanwhile is not missing.",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_MEDIA | NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.run = run,
};
