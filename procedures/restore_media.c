/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Brings back the files that the backup names and the media lacks; nothing is taken away.  A backup
 * without content names none, and the database that was loaded of it does: what that names has to
 * be on disk, or in the store, which may have it of another backup.
 */
#include "procedures/restore_media.h"
#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"
#include "lib/drivers/pg_conninfo.h"
#include "lib/store/listing.h"
#include "lib/store/restore_note.h"
#include "procedures/file_progress.h"
#include "procedures/procedures.h"
#include "procedures/restore_content.h"
#include "procedures/site_throttle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct telling {
	struct outcome *out;
	struct content_tally before; /* of the list before this one */
	struct file_progress progress;
};

static void tick(void *arg, const struct content_tally *t)
{
	struct telling *s = arg;

	file_progress_tell(&s->progress, s->before.files + t->files, s->before.bytes + t->bytes);
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
	if (restore_skipped(&j, "pulp-content"))
		outcome_set(why, RESULT_OK,
			    "the backup is without content: what its database names is looked for");
	else
		outcome_set(why, RESULT_OK, "%lld artifact(s) and %lld other file(s)",
			    (long long)j.manifest.artifacts.count,
			    (long long)j.manifest.media.count);
	return true;
}

static bool put_line(void *arg, const char *line, size_t len, struct err *err)
{
	return fwrite(line, 1, len, arg) == len || err_errno(err, "cannot write the list");
}

static bool list_loaded(const struct restore_job *j, FILE *to, struct err *err)
{
	const struct restore_database *d = j->databases;
	AUTO_FREE char *there = NULL;
	struct pg *db = NULL;

	while (strcmp(d->from->feature, "pulp") != 0)
		if (++d == j->databases + j->n)
			return err_set(err, ERR_DATA, "backup %s has no database of Pulp",
				       j->manifest.id);
	if (!pg_conninfo_with(j->server, d->fresh, &there, err) ||
	    !restore_connect(there, &db, err))
		return false;
	bool ok = pg_copy_out(db, "COPY (SELECT sha256, size, file FROM core_artifact) TO STDOUT",
			      put_line, to, err);
	pg_close(db);
	return ok;
}

/* Of the database that was loaded, as the lists of a backup are.  *ret has its path, to be removed
 * and freed by the caller, whenever it is set. */
static bool make_list(const struct probe *p, const struct restore_job *j, char **ret,
		      struct err *err)
{
	const char *state_dir = config_get(p->config, "general.state_dir");

	if (!state_dir_make(state_dir, err))
		return false;
	*ret = xasprintf("%s/artifacts_%s.tsv", state_dir, j->manifest.id);
	AUTO_FD int fd = open(*ret, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!f)
		return err_errno(err, "cannot write %s", *ret);
	fd = -1;
	bool ok = list_loaded(j, f, err);
	if (fclose(f) != 0 && ok)
		ok = err_errno(err, "cannot write %s", *ret);
	return ok;
}

/* What there will be to look at. */
static bool count_all(const struct restore_job *j, const char *loaded, struct file_progress *p,
		      struct err *err)
{
	const struct listing_row *row;
	struct listing *l = NULL;

	p->files = j->manifest.artifacts.count + j->manifest.media.count;
	p->bytes = j->manifest.artifacts.bytes + j->manifest.media.bytes;
	if (!loaded)
		return true;
	p->files = p->bytes = 0;
	bool ok = listing_open(loaded, &l, err);
	while (ok && (ok = listing_next(l, &row, err)) && row) {
		p->files++;
		p->bytes += row->size;
	}
	listing_close(l);
	return ok;
}

static void conclude(const struct content_tally *t, bool skipped, struct outcome *out)
{
	AUTO_FREE char *unchanged = NULL;
	char bytes[32];

	if (t->bad && skipped) {
		outcome_set(
			out, RESULT_FAILED,
			"the backup was made without content, and %lld of the %lld artifact(s) that "
			"its database names are neither on disk nor in the store",
			(long long)t->bad, (long long)t->files);
		outcome_hint(out, "Bring Pulp's media back from where it is kept, then run the "
				  "same command again. Nothing of the site was changed.");
		return;
	}
	if (t->bad) {
		outcome_set(out, RESULT_FAILED,
			    "%lld of %lld file(s) (is|are) neither on disk nor in the store",
			    (long long)t->bad, (long long)t->files);
		outcome_hint(out, "The database of this backup names them; take another backup: "
				  "--as-of. Nothing of the site was changed.");
		return;
	}
	text_bytes((double)t->copied_bytes, bytes, sizeof(bytes));
	if (t->unchanged)
		unchanged = xasprintf(", %lld (has|have) not changed since (it|they) (was|were) "
				      "backed up",
				      (long long)t->unchanged);
	outcome_set(out, t->kept ? RESULT_WARNING : RESULT_OK,
		    "%lld of %lld file(s) (was|were) missing and (is|are) back (%s)%s; %lld "
		    "(was|were) read%s",
		    (long long)(t->copied - t->replaced), (long long)t->files, bytes,
		    t->replaced ? "; damaged ones were replaced" : "", (long long)t->read,
		    unchanged ? unchanged : "");
	if (t->kept)
		outcome_hint(out, "Files that no digest names and that have changed since stay as "
				  "they are; the store has those of the backup.");
}

/* Those of the backup, or, where it has none, the one of its database. */
static bool put_all(struct content_work *w, const char *loaded, struct telling *s,
		    struct content_tally *t, struct err *err)
{
	if (loaded) {
		w->listing = loaded;
		return content_put(w, t, err);
	}
	for (size_t i = 0; restore_listings[i]; i++) {
		s->before = *t;
		w->listing = restore_listings[i];
		if (restore_has_listing(w->job, w->listing) && !content_put(w, t, err))
			return false;
	}
	return true;
}

/* Below the throttle while the site serves: what it feels of this is what it feels of a backup. */
static bool put_gently(struct actor *a, struct content_work *w, const char *loaded,
		       struct telling *s, struct content_tally *t, struct err *err)
{
	const struct config *config = a->look->config;
	struct file_throttle throttle;
	struct stints *stints;
	struct restore_note note;
	long threads, nice;

	if (!config_long(config, "restore.threads", &threads, err) ||
	    !config_long(config, "restore.nice", &nice, err) ||
	    !restore_note_read(config_get(config, "general.state_dir"), &note, err) ||
	    !file_throttle_open(a, "restore", note.phase != RESTORE_NONE, &throttle, &stints, err))
		return false;
	w->threads = (size_t)threads;
	w->nice = (int)nice;
	w->stints = s->progress.stints = stints;
	file_progress_begin(&s->progress, (double)threads);
	bool ok = put_all(w, loaded, s, t, err);
	stints_tell(stints, procedure_restore_media.label);
	stints_close(stints);
	/* A session with the database would be in the way of its new name. */
	actor_keep_none(a);
	return ok;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct telling s = { .out = out,
			     .progress = { .reporter = a->reporter,
					   .label = procedure_restore_media.label,
					   .phase = "files" } };
	struct content_tally t = { 0 };
	AUTO_FREE char *loaded = NULL;

	if (!actor_lock_host(a, err) || !restore_job_open(a->look, params, &j, err) ||
	    !restore_job_guard(&j, err))
		return false;
	struct content_work w = { .job = &j,
				  .checksum =
					  ((const struct restore_media_params *)params)->checksum,
				  .root = a->look->place.media_root,
				  .config = a->look->config,
				  .tick = tick,
				  .tell = tell,
				  .arg = &s };
	bool skipped = restore_skipped(&j, "pulp-content");
	bool ok = (!skipped || make_list(a->look, &j, &loaded, err)) &&
		  count_all(&j, loaded, &s.progress, err) && put_gently(a, &w, loaded, &s, &t, err);

	if (loaded)
		(void)unlink(loaded);
	if (!ok)
		return false;
	conclude(&t, skipped, out);
	return true;
}

static const struct opt media_params[] = {
	RESTORE_PARAMS_ROWS(struct restore_media_params, backup.),
	RESTORE_CHECKSUM_ROW(struct restore_media_params), OPTS_END
};

const struct procedure procedure_restore_media = {
	.label = "restore-media",
	.summary = "bring back the files that the backup names and the media lacks",
	.explain =
		"Compares what is on disk by size and sha256; only what is missing or damaged is "
		"copied from the store, under a temporary name first. A file that has not changed "
		"since its bytes were backed up, by its inode and its time of change (ctime), is "
		"not read: bytes that have rotted on the disk changed no time, and are found with "
		"--checksum, which reads all. Of a backup "
		"without content the artifacts are those that its loaded database names. Nothing is "
		"taken away: what the backup does not know is the business of Pulp's orphan "
		"cleanup.",
	.changes = "adds files to Pulp's media; replaces artifacts whose bytes are not what their "
		   "name says",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_MEDIA,
	.params = media_params,
	.params_size = sizeof(struct restore_media_params),
	.needed = needed,
	.run = run,
};
