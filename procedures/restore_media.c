/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Brings back the files that the backup names and the media lacks; nothing is taken away. */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "procedures/procedures.h"
#include "procedures/restore_content.h"

#include <string.h>

struct telling {
	const struct actor *actor;
	struct outcome *out;
	int64_t before, total; /* files */
};

static void tick(void *arg, const struct content_tally *t)
{
	const struct telling *s = arg;

	EMIT(s->actor->reporter, "progress", F_TEXT("label", procedure_restore_media.label),
	     F_TEXT("phase", "files"), F_INT("done", s->before + t->files),
	     F_INT("total", s->total), F_INT("bytes", t->bytes));
}

static void tell(void *arg, const char *path, const char *what)
{
	outcome_example(((struct telling *)arg)->out, "%s %s", path, what);
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };

	if (!restore_job_open(p, params, &j, err) || !restore_job_ask(&j, err))
		return false;
	*ret = !j.restored;
	outcome_set(why, RESULT_OK, "%lld artifacts and %lld other files",
		    (long long)j.manifest.artifacts.count, (long long)j.manifest.media.count);
	return true;
}

static void conclude(const struct content_tally *t, struct outcome *out)
{
	if (t->bad) {
		outcome_set(out, RESULT_FAILED,
			    "%lld of %lld files are neither on disk nor in the store",
			    (long long)t->bad, (long long)t->files);
		outcome_hint(out, "The database of this backup names them; take another backup: "
				  "--as-of. Nothing of the site was changed.");
		return;
	}
	outcome_set(out, t->kept ? RESULT_WARNING : RESULT_OK,
		    "%lld of %lld files were missing and are back (%lld bytes)%s",
		    (long long)(t->copied - t->replaced), (long long)t->files,
		    (long long)t->copied_bytes, t->replaced ? "; damaged ones were replaced" : "");
	if (t->kept)
		outcome_hint(out, "Files that no digest names and that have changed since stay as "
				  "they are; the store has those of the backup.");
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct telling s = { .actor = a, .out = out };
	struct content_tally t = { 0 };
	long threads;

	if (!actor_lock_host(a, err) || !restore_job_open(a->look, params, &j, err) ||
	    !restore_job_guard(&j, err) ||
	    !config_long(a->look->config, "restore.threads", 1, 16, &threads, err))
		return false;
	s.total = j.manifest.artifacts.count + j.manifest.media.count;
	for (size_t i = 0; restore_listings[i]; i++) {
		const struct content_work w = { .job = &j,
						.listing = restore_listings[i],
						.root = a->look->place.media_root,
						.threads = (size_t)threads,
						.tick = tick,
						.tell = tell,
						.arg = &s };

		s.before = t.files;
		if (restore_has_listing(&j, restore_listings[i]) && !content_put(&w, &t, err))
			return false;
	}
	conclude(&t, out);
	return true;
}

const struct procedure procedure_restore_media = {
	.label = "restore-media",
	.summary = "bring back the files that the backup names and the media lacks",
	.explain = "Reads what is on disk and compares size and sha256; only what is missing or "
		   "damaged is copied from the store, under a temporary name first. Nothing is "
		   "taken away: what the backup does not know is the business of Pulp's orphan "
		   "cleanup.",
	.changes = "adds files to Pulp's media; replaces artifacts whose bytes are not what their "
		   "name says",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_MEDIA,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.needed = needed,
	.run = run,
};
