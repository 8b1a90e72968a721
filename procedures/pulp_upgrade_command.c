/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one step without a way back: the site's own command replaces the packages and migrates the
 * database.  That it has begun is durable before it is started; what Django has applied is told
 * while it works.  A program that is killed leaves the command at work, so a later run looks for it
 * before it starts another.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/host/upgrade_note.h"
#include "procedures/cache_debt.h"
#include "procedures/configured_command.h"
#include "procedures/procedures.h"
#include "procedures/pulp_upgrade.h"

#include <stdio.h>
#include <string.h>

static const char key[] = "upgrade.command";

static const double between = 1; /* seconds between two looks */

struct watch {
	struct actor *actor;
	double next;  /* clock_monotonic() */
	int64_t seen; /* largest id of django_migrations */
	int applied;
};

/*
 * By a session for each look: the command may rename the database, or wait for all sessions to end
 * before it stops the server.  Says nothing where the server does not answer.
 */
static struct pg_rows *ask(struct watch *w)
{
	const struct pg_options o = { .conninfo = w->actor->look->place.conninfo,
				      .application_name = "plmaint:upgrade-watch",
				      .read_only = true,
				      .statement_timeout_ms = 1000,
				      .lock_timeout_ms = 200,
				      .connect_timeout_s = 1 };
	AUTO_FREE char *seen = xasprintf("%lld", (long long)w->seen);
	struct pg_rows *r = NULL;
	struct err ignored;
	struct pg *db;

	if (!pg_connect(&o, &db, &ignored))
		return NULL;
	if (!pg_query(db,
		      "SELECT id, app, name FROM django_migrations WHERE id > $1::int8 ORDER BY id",
		      (struct pg_param[]){ PG_P_TEXT(seen) }, 1, &r, &ignored))
		r = NULL;
	pg_close(db);
	return r;
}

static void look(struct watch *w)
{
	AUTO_ROWS struct pg_rows *r = ask(w);

	for (size_t i = 0; r && i < pg_rows_count(r); i++) {
		w->seen = pg_int(r, i, 0);
		w->applied++;
		EMIT(w->actor->reporter, "migration", F_TEXT("app", pg_text(r, i, 1)),
		     F_TEXT("name", pg_text(r, i, 2)));
	}
}

static void look_again(void *arg)
{
	struct watch *w = arg;

	if (clock_monotonic() < w->next)
		return;
	look(w);
	w->next = clock_monotonic() + between;
}

static bool begin_watch(struct watch *w, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(w->actor->look->db, "SELECT coalesce(max(id), 0) FROM django_migrations",
		      NULL, 0, &r, err))
		return false;
	w->seen = pg_int(r, 0, 0);
	return true;
}

static bool still_at_work(const struct upgrade_note *note, struct err *err)
{
	pid_t pid = note->phase == UPGRADE_BEGUN ? upgrade_process(note->run) : 0;

	if (pid == 0)
		return true;
	(void)err_set(err, ERR_LOCKED,
		      "the upgrade command that an earlier run has started is still at work:"
		      " process %d",
		      (int)pid);
	return err_hint(err, "Wait for its end, then run the same command again.");
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	enum upgrade_phase phase;

	(void)params;
	if (!upgrade_phase(p->config, &phase, err))
		return false;
	*ret = phase != UPGRADE_REPLACED;
	outcome_set(why, RESULT_OK, "%s",
		    *ret ? config_get(p->config, key) : "an earlier run has done it");
	return true;
}

static bool perform(struct watch *w, const struct upgrade_note *note, struct outcome *out,
		    struct err *err)
{
	AUTO_FREE char *id = xasprintf("UPGRADE_RUN_ID=%s", note->run);
	AUTO_FREE char *to = xasprintf("UPGRADE_TO=%s", note->to);
	const char *const env[] = { id, to, NULL };
	const struct configured_command c = { .key = key,
					      .label = procedure_pulp_upgrade_command.label,
					      .env = env,
					      .tick = look_again,
					      .arg = w };

	if (!configured_command_step(w->actor, &c, out, err))
		return false;
	look(w);
	if (out->result != RESULT_OK) {
		outcome_hint(out, "Mend what it says; then `plmaint upgrade run` goes on with this "
				  "command.");
		return true;
	}
	AUTO_FREE char *said = xstrdup(out->text);
	outcome_set(out, RESULT_OK, "%s; %d migration(s) (was|were) applied", said, w->applied);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const char *state_dir = config_get(a->look->config, "general.state_dir");
	const struct upgrade_params *o = params;
	struct watch w = { .actor = a };
	struct upgrade_note note;

	if (!actor_lock_host(a, err) || !upgrade_note_read(state_dir, &note, err) ||
	    !still_at_work(&note, err) || !begin_watch(&w, err))
		return false;
	if (note.phase == UPGRADE_NONE)
		note.since = clock_wall();
	if (o->to)
		snprintf(note.to, sizeof(note.to), "%s", o->to);
	snprintf(note.run, sizeof(note.run), "%s", a->run_id);
	note.phase = UPGRADE_BEGUN;
	if (!upgrade_note_write(state_dir, &note, err))
		return false;
	actor_leave_db(a);
	bool ok = perform(&w, &note, out, err);
	/* What was known of the schema is of the one before. */
	memo_forget(a->look->memo);
	memo_forget(a->look->columns);
	if (!ok || out->result != RESULT_OK)
		return ok;
	note.phase = UPGRADE_REPLACED;
	/* What the old release has cached, redirects for one, leads nowhere in the new one. */
	return cache_debt_mark_all(a->look->config, err) &&
	       upgrade_note_write(state_dir, &note, err);
}

const struct procedure procedure_pulp_upgrade_command = {
	.label = "pulp-upgrade-command",
	.summary = "replace Pulp and migrate its database with upgrade.command",
	.explain =
		"The command has UPGRADE_TO and UPGRADE_RUN_ID in its environment. When it fails or "
		"this program is killed the site stays closed, and a later run starts it again; "
		"it must be one that may be run twice.",
	.changes = "what upgrade.command does; the content cache is owed all of its keys",
	.tags = (const char *const[]){ "upgrade", NULL },
	.needs = NEED_DB,
	.params = upgrade_params_table,
	.params_size = sizeof(struct upgrade_params),
	.needed = needed,
	.run = run,
};
