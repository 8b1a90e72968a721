/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a backup: its files, the objects it names, and its dumps with PostgreSQL's own reader. */
#include "commands/backup.h"

#include "lib/core/clock.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"
#include "lib/drivers/pg_tools.h"
#include "lib/drivers/process.h"
#include "lib/report/style.h"
#include "lib/store/proof.h"
#include "lib/store/verified.h"
#include "procedures/site_throttle.h"

#include <stdlib.h>
#include <string.h>

const struct opt verify_options_table[] = {
	{ .name = "sample",
	  .kind = OPT_INT,
	  .offset = offsetof(struct verify_options, sample),
	  .arg = "PERCENT",
	  .help = "of the artifacts that are read, others each time; of the rest the size is looked "
		  "at",
	  .min = 1,
	  .max = 100,
	  .fallback = "100" },
	OPTS_END,
};

static const char verify_label[] = "backup-verify";

struct verifying {
	struct session *session;
	const struct backup_manifest *manifest;
	struct stints *stints;
	long nice;
	int64_t damaged;
};

static void tell(struct verifying *v, const char *path, const char *message)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	EMIT(v->session->reporter, "backup.damage", F_TEXT("id", v->manifest->id),
	     F_TEXT("path", path), F_TEXT("message", message));
	text_escape(&line, path);
	strbuf_addf(&line, ": %s\n", message);
	v->session->reporter->print(v->session->reporter->self, line.data);
}

static void damage(void *arg, const char *path, enum object_verdict verdict)
{
	tell(arg, path, object_verdict_word(verdict));
}

static void progress(void *arg, int64_t done, int64_t total, int64_t bytes)
{
	const struct verifying *v = arg;
	AUTO_STINTS_STATE struct stints_state s;

	stints_look(v->stints, &s);
	EMIT(v->session->reporter, "progress", F_TEXT("label", verify_label),
	     F_TEXT("unit", "files"), F_INT("done", done), F_INT("total", total),
	     F_INT("bytes", bytes), F_REAL("duty", s.duty),
	     *s.reason ? (struct field)F_TEXT("reason", s.reason) : (struct field)F_NULL("reason"));
}

/* All of the dump goes by pg_restore, into nothing. */
static bool read_dump(struct verifying *v, const struct repository *r,
		      const struct manifest_database *d, struct err *err)
{
	AUTO_FREE char *dir = repository_backup_path(r, v->manifest->id, d->directory);
	AUTO_FREE char *program = NULL;
	AUTO_STRBUF struct strbuf said = { 0 };
	int status;

	if (!pg_tool_find(config_get(v->session->config, "database.programs"), "pg_restore",
			  (int)d->server_version, &program, err))
		return false;
	const char *const argv[] = { program, "--file=/dev/null", dir, NULL };
	const struct process_options o = {
		.argv = argv, .stoppable = true, .nice = (int)v->nice, .errors = &said
	};
	if (!process_run(&o, NULL, &status, err))
		return false;
	if (status == 0)
		return true;
	v->damaged++;
	if (said.len)
		said.data[strcspn(said.data, "\n")] = '\0';
	tell(v, d->directory, said.len ? said.data : "pg_restore cannot read it");
	return true;
}

static bool read_files(struct verifying *v, const struct repository *r, long sample,
		       struct err *err)
{
	struct proof p = { .repository = r,
			   .manifest = v->manifest,
			   .share = (double)sample / 100,
			   .nice = (int)v->nice,
			   .damage = damage,
			   .progress = progress,
			   .arg = v };
	struct file_throttle throttle;

	if (!config_long(v->session->config, "backup.threads", &p.threads, err) ||
	    !file_throttle_open(v->session->actor, "backup", false, &throttle, &v->stints, err))
		return false;
	p.stints = v->stints;
	bool ok = proof_run(&p, &v->damaged, err);
	stints_tell(v->stints, verify_label);
	stints_close(v->stints);
	return ok;
}

static bool prove(struct verifying *v, const struct repository *r, long sample, struct err *err)
{
	/* Where Pulp is, if it is here at all: its users are not to feel this. */
	v->session->provide(v->session, NEED_SETTINGS, true);
	if (!config_long(v->session->config, "backup.nice", &v->nice, err) ||
	    !read_files(v, r, sample, err))
		return false;
	for (size_t i = 0; i < v->manifest->n_databases; i++)
		if (!read_dump(v, r, &v->manifest->databases[i], err))
			return false;
	return true;
}

/* The one that was named, or the newest whole one. */
static bool choose(struct session *s, const struct repository *r, char ret[BACKUP_ID_SIZE],
		   struct err *err)
{
	AUTO_FREE struct backup_entry *all = NULL;
	size_t n;

	if (s->operands[1]) {
		if (!backup_id_valid(s->operands[1])) {
			(void)err_set(err, ERR_USAGE, "'%s' is no backup's name", s->operands[1]);
			return err_hint(err, "`plmaint backup list %s` shows them.",
					repository_dir(r));
		}
		memcpy(ret, s->operands[1], BACKUP_ID_SIZE);
		return true;
	}
	if (!repository_backups(r, &all, &n, err))
		return false;
	while (n > 0 && !all[n - 1].whole)
		n--;
	if (n == 0)
		return err_set(err, ERR_NOT_FOUND, "%s holds no finished backup",
			       repository_dir(r));
	memcpy(ret, all[n - 1].id, BACKUP_ID_SIZE);
	return true;
}

static void conclude(struct verifying *v, long sample)
{
	const struct backup_manifest *m = v->manifest;
	AUTO_STRBUF struct strbuf line = { 0 };

	EMIT(v->session->reporter, "backup", F_TEXT("id", m->id),
	     F_TEXT("state", v->damaged ? "damaged" : "good"), F_TEXT("kind", m->kind),
	     F_TEXT("host", m->host), F_INT("artifacts", m->artifacts.count),
	     F_INT("bytes", m->artifacts.bytes + m->media.bytes));
	strbuf_addf(&line, "Backup %s ", m->id);
	if (v->damaged) {
		strbuf_adds(&line, "is damaged: ");
		add_count(&line, (double)v->damaged);
		strbuf_adds(&line,
			    " of its files are wrong. Remove such files from the store; the "
			    "next backup copies them anew, where the site still has them.\n");
	} else {
		strbuf_adds(&line, "is good: ");
		add_count(&line, (double)(m->artifacts.count + m->media.count));
		strbuf_addf(&line, " files of content%s, %zu of its own.\n",
			    sample < 100 ? " (a sample of them was read)" : " read", m->n_files);
	}
	v->session->reporter->print(v->session->reporter->self, line.data);
}

/* A medium that is read only keeps no mark, and its backup is none the worse. */
static void leave_mark(const struct verifying *v, const struct repository *r, long sample)
{
	struct backup_verified mark = { .percent = sample, .damaged = v->damaged };
	struct err err;

	clock_rfc3339(clock_wall(), mark.at, sizeof(mark.at));
	if (!backup_verified_write(r, v->manifest->id, &mark, &err))
		EMIT(v->session->reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message", "`backup list` will not know of this"),
		     F_TEXT("hint", err.text));
}

bool backup_verify(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct verify_options *o = options;
	AUTO_BACKUP_MANIFEST struct backup_manifest m = { 0 };
	struct verifying v = { .session = s, .manifest = &m };
	struct repository *r = NULL;
	char id[BACKUP_ID_SIZE];

	if (!backup_repository(s, &r, err))
		return false;
	bool ok = choose(s, r, id, err) && backup_manifest_read(r, id, &m, err) &&
		  prove(&v, r, o->sample, err);
	if (ok)
		leave_mark(&v, r, o->sample);
	repository_close(r);
	if (!ok)
		return false;
	conclude(&v, o->sample);
	if (v.damaged)
		*exit_status = EXIT_FAILED;
	return true;
}
