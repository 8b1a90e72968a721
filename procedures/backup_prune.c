/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * First the backups that are not kept go, then the objects that none of the others names.  A kill
 * between the two leaves objects that the next prune removes.  Where the lists of what is kept are
 * not what its manifests say nothing is removed at all: it could be needed.
 */
#include "procedures/backup_prune.h"

#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/core/text.h"
#include "lib/drivers/probe.h"
#include "lib/store/inventory.h"
#include "lib/store/object.h"
#include "lib/store/proof.h"
#include "procedures/procedures.h"

#include <stdlib.h>
#include <string.h>

static const struct opt table[] = {
	{ .name = "dir",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct prune_params, dir),
	  .arg = "DIR",
	  .help = "directory of the backups" },
	PRUNE_OPTIONS,
	OPTS_END,
};

struct pruning {
	struct actor *actor;
	struct repository *repository;
	bool dry_run;
	struct backup_entry *all;
	size_t n;
	bool *keep;
	char (*kept)[BACKUP_ID_SIZE]; /* ids of these */
	size_t n_kept;
	struct inventory *inventory; /* of what is kept */
	const struct inventory_row *next;
	int64_t objects, bytes; /* gone, or to go */
};

static void release(struct pruning *g)
{
	inventory_close(g->inventory);
	free(g->all);
	free(g->keep);
	free(g->kept);
	repository_close(g->repository);
}

static bool choose(struct pruning *g, const struct prune_params *p, struct err *err)
{
	if (!repository_backups(g->repository, &g->all, &g->n, err))
		return false;
	g->keep = xcalloc(g->n + 1, sizeof(*g->keep));
	g->kept = xcalloc(g->n + 1, sizeof(*g->kept));
	retention_choose(&p->keep, g->all, g->n, g->keep);
	for (size_t i = 0; i < g->n; i++)
		if (g->keep[i])
			memcpy(g->kept[g->n_kept++], g->all[i].id, BACKUP_ID_SIZE);
	return true;
}

/* The lists decide what goes, so they are held against the manifest first. */
static bool lists_are_whole(const struct pruning *g, const char *id, struct err *err)
{
	AUTO_BACKUP_MANIFEST struct backup_manifest m = { 0 };

	if (!backup_manifest_read(g->repository, id, &m, err))
		return false;
	if (proof_lists(g->repository, &m, err))
		return true;
	(void)err_wrap(err, "nothing is removed");
	return err_hint(err, "What that backup needs is not known; move its directory away to give "
			     "it up.");
}

static bool discard_others(struct pruning *g, struct err *err)
{
	for (size_t i = 0; i < g->n; i++) {
		EMIT(g->actor->reporter, "backup", F_TEXT("id", g->all[i].id),
		     F_TEXT("state", g->keep[i] ? "kept" : "pruned"));
		if (!g->keep[i] && !g->dry_run &&
		    !repository_discard(g->repository, g->all[i].id, err))
			return false;
	}
	return true;
}

/* Objects come in order of their digests, as the inventory does. */
static bool sweep_one(void *arg, const char *sha256, struct err *err)
{
	struct pruning *g = arg;
	int64_t size;

	if (stop_requested())
		return err_set(err, ERR_STOPPED, "stopped after %lld file(s)",
			       (long long)g->objects);
	while (g->next && strcmp(g->next->sha256, sha256) < 0)
		if (!inventory_next(g->inventory, &g->next, err))
			return false;
	if (g->next && strcmp(g->next->sha256, sha256) == 0)
		return true;
	if (!object_size(g->repository, sha256, &size, err) ||
	    (!g->dry_run && !object_remove(g->repository, sha256, err)))
		return false;
	g->objects++;
	g->bytes += size;
	return true;
}

static bool prune(struct pruning *g, const struct prune_params *p, struct err *err)
{
	if (!repository_open(p->dir, false, &g->repository, err) ||
	    !repository_lock(g->repository, err) || !choose(g, p, err))
		return false;
	for (size_t i = 0; i < g->n_kept; i++)
		if (!lists_are_whole(g, g->kept[i], err))
			return false;
	if (g->n_kept == 0)
		return err_set(err, ERR_NOT_FOUND, "%s holds no finished backup",
			       repository_dir(g->repository));
	return inventory_open(g->repository, (const char(*)[BACKUP_ID_SIZE])g->kept, g->n_kept,
			      &g->inventory, err) &&
	       inventory_next(g->inventory, &g->next, err) && discard_others(g, err) &&
	       (g->dry_run || object_sweep(g->repository, err)) &&
	       object_walk(g->repository, sweep_one, g, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct prune_params *p = params;
	struct pruning g = { .actor = a, .dry_run = p->dry_run };
	char bytes[32];

	if (!p->dir || !*p->dir)
		return err_set(err, ERR_USAGE, "which directory is meant?");
	if (!p->keep.last && !p->keep.daily && !p->keep.weekly) {
		(void)err_set(err, ERR_USAGE, "what is to be kept is not said");
		return err_hint(err, "Give --keep-last, --keep-daily or --keep-weekly.");
	}
	bool ok = prune(&g, p, err);
	for (size_t i = 0; ok && i < g.n; i++)
		if (!g.keep[i])
			outcome_example(out, "%s%s", g.all[i].id,
					g.all[i].whole ? "" : " (unfinished)");
	text_bytes((double)g.bytes, bytes, sizeof(bytes));
	if (ok)
		outcome_set(out, RESULT_OK,
			    "%zu of %zu backups %s, and %lld file(s) of %s that no other needs",
			    g.n - g.n_kept, g.n, g.dry_run ? "would go" : "(is|are) gone",
			    (long long)g.objects, bytes);
	release(&g);
	return ok;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	(void)p, (void)params, (void)err;
	*ret = true;
	outcome_set(why, RESULT_OK, "the newest finished backup always stays");
	return true;
}

const struct procedure procedure_backup_prune = {
	.label = "backup-prune",
	.summary = "remove old backups, and what only they need",
	.explain =
		"The newest finished backup always stays; unfinished ones go. An artifact goes when "
		"no backup that stays names it. Where a list of what stays is damaged nothing is "
		"removed.",
	.changes = "removes backups and files of their store",
	.tags = (const char *const[]){ "backup", NULL },
	.params = table,
	.params_size = sizeof(struct prune_params),
	.needed = needed,
	.run = run,
};
