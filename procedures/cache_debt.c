/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records, resolves and pays what the content cache is owed; cache_debt.h says why. */
#include "procedures/cache_debt.h"
#include "lib/core/mem.h"
#include "lib/pulp/cache_flush.h"
#include "lib/pulp/cache_keys.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Every distribution is owed: in the ledger a repository of zeros, in the state directory a file.
 */
static const char mark_name[] = "cache-debt";

static char *mark_path(const struct config *c)
{
	return xasprintf("%s/%s", config_get(c, "general.state_dir"), mark_name);
}

bool cache_debt_mark_all(const struct config *c, struct err *err)
{
	AUTO_FREE char *path = mark_path(c);

	return fs_mkdirs(config_get(c, "general.state_dir"), 0750, err) &&
	       fs_write_atomic(path, "all\n", 4, 0640, err);
}

static bool marked(const struct config *c)
{
	AUTO_FREE char *path = mark_path(c);

	return access(path, F_OK) == 0;
}

/*
 * affected: a condition on manifest m.  Asked for each repository until the first manifest that
 * meets it: where most of them do, few are looked at.  Manifests of a push that is still going on
 * are served although no version holds them yet.
 */
static bool resolve(struct manifest_job *j, const char *affected, struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"INSERT INTO @.debt (repository_id) SELECT r.repository_ptr_id FROM"
		" (SELECT repository_ptr_id FROM container_containerrepository"
		" UNION ALL SELECT repository_ptr_id FROM container_containerpushrepository) r WHERE"
		" (SELECT true FROM core_repositorycontent rc JOIN container_manifest m ON m.content_ptr_id = rc.content_id"
		" WHERE rc.repository_id = r.repository_ptr_id AND (%s) LIMIT 1)"
		" UNION SELECT p.containerpushrepository_id FROM container_containerpushrepository_pending_manifests p"
		" JOIN container_manifest m ON m.content_ptr_id = p.manifest_id WHERE %s"
		" UNION SELECT p.containerrepository_id FROM container_containerrepository_pending_manifests p"
		" JOIN container_manifest m ON m.content_ptr_id = p.manifest_id WHERE %s ON CONFLICT (repository_id) DO UPDATE SET since = clock_timestamp()",
		affected, affected, affected);

	return ledger_query(&j->ledger, j->control, sql, NULL, 0, NULL, err);
}

/* A range that owes 1 owes for rows that still have their link: without one, detach has paid. */
static char *owed(const struct manifest_job *j, bool with_detach)
{
	AUTO_FREE char *detach = pending_where(&j->schema, PENDING_DETACH, &j->pending);

	return xasprintf(
		"EXISTS (SELECT FROM @.range g WHERE g.debt > 0 AND m.content_ptr_id BETWEEN g.lo AND g.hi%s)%s%s%s",
		j->schema.has_data
			? " AND (g.debt = 2 OR EXISTS (SELECT FROM core_contentartifact c"
			  " WHERE c.content_id = m.content_ptr_id))"
			: "",
		with_detach ? " OR (" : "", with_detach ? detach : "", with_detach ? ")" : "");
}

/* One snapshot for what is resolved and what is crossed out: a batch that another program commits
 * meanwhile keeps its debt.  A range that somebody may still work on keeps it too. */
static bool resolve_once(struct manifest_job *j, const char *affected, struct err *err)
{
	struct err ignored;

	if (!pg_exec(j->control, "BEGIN ISOLATION LEVEL REPEATABLE READ", err))
		return false;
	if (resolve(j, affected, err) &&
	    ledger_query(&j->ledger, j->control,
			 "UPDATE @.range g SET debt = 0 WHERE debt > 0 AND (finished OR NOT EXISTS"
			 " (SELECT FROM @.run r WHERE r.id = g.run AND r.state = 'open'))",
			 NULL, 0, NULL, err) &&
	    pg_exec(j->control, "COMMIT", err))
		return true;
	(void)!pg_exec(j->control, "ROLLBACK", &ignored);
	return false;
}

bool cache_debt_resolve(struct manifest_job *j, bool with_detach, struct err *err)
{
	AUTO_FREE char *affected = owed(j, with_detach);
	bool ok = false;

	/* Another program that resolves at the same time is a conflict, and done soon. */
	for (int attempt = 0; attempt < 5 && !ok; attempt++) {
		ok = resolve_once(j, affected, err);
		if (!ok && (err->code != ERR_RETRY || !pg_alive(j->control)))
			break;
	}
	return ok || err_wrap(err, "while finding out which distributions are affected");
}

bool cache_debt_find(struct manifest_job *j, const char *label, bool with_detach, struct err *err)
{
	bool ok;

	do {
		batch_lasts(&j->setup);
		ok = cache_debt_resolve(j, with_detach, err);
	} while (batch_again(&j->setup, label, ok, err));
	return ok;
}

bool cache_debt_any(struct pg *db, const struct config *c, bool *any, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	bool ledger;

	*any = marked(c);
	if (*any)
		return true;
	if (!ledger_exists(db, &ledger, err))
		return false;
	if (!ledger)
		return true;
	if (!pg_query(
		    db,
		    "SELECT EXISTS (SELECT FROM plmaint.debt) OR EXISTS (SELECT FROM plmaint.range WHERE debt > 0)",
		    NULL, 0, &r, err))
		return false;
	*any = pg_bool(r, 0, 0);
	return true;
}

/* paid: the debts as they were read before the flush; one that was renewed since then stays. */
static bool forget(struct manifest_job *j, const char *paid, struct err *err)
{
	AUTO_FREE char *path = mark_path(j->actor->look->config);

	if (!ledger_query(&j->ledger, j->control,
			  "DELETE FROM @.debt d WHERE d::text = ANY ($1::text[])",
			  (struct pg_param[]){ PG_P_TEXT(paid) }, 1, NULL, err))
		return false;
	return unlink(path) == 0 || errno == ENOENT || err_errno(err, "could not remove %s", path);
}

bool cache_debt_pay(struct manifest_job *j, bool keep, size_t *flushed, struct err *err)
{
	const struct probe *look = j->actor->look;
	AUTO_ROWS struct pg_rows *r = NULL;
	struct cache_keys keys = { 0 };

	*flushed = 0;
	if (!ledger_query(
		    &j->ledger, j->control,
		    "SELECT count(*) > 0, coalesce(bool_or(repository_id = '00000000-0000-0000-0000-000000000000'), false),"
		    " coalesce(array_agg(d::text), '{}') FROM @.debt d",
		    NULL, 0, &r, err))
		return false;
	if (look->place.cache_enabled && look->place.redis_url) {
		bool all = marked(look->config) || pg_bool(r, 0, 1);
		AUTO_FREE char *some = ledger_sql(&j->ledger, "SELECT repository_id FROM @.debt");
		if (!all && !pg_bool(r, 0, 0))
			return true;
		bool ok =
			cache_keys_find(j->control, &look->place, all ? NULL : some, &keys, err) &&
			cache_flush(look->config, &look->place, &keys, flushed, err);
		cache_keys_release(&keys);
		if (!ok)
			return false;
	}
	return keep || forget(j, pg_text(r, 0, 2), err);
}
