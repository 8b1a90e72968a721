/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions, schema, ledger and storage for a batch procedure over manifests. */
#include "lib/batch/verdict_file.h"
#include "lib/core/clock.h"
#include "lib/core/exit.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/json.h"
#include "lib/pace/wall.h"
#include "procedures/cache_debt.h"
#include "procedures/foretold.h"
#include "procedures/manifest_forecast.h"
#include "procedures/manifest_throttle.h"
#include "procedures/verdict_revisit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct alone {
	struct manifest_params common;
};
const struct opt manifest_params_table[] = { MANIFEST_PARAMS_ROWS(struct alone), OPTS_END };

static const char control_name[] = "control";

/*
 * What the control session writes (the ledger's tables, a run, its phases, the cache's debt) is
 * what other sessions rely on, so it is flushed also where the server commits asynchronously: a
 * crash must not take the run away from under its workers.
 */
static bool connect_session(void *arg, const char *name, struct pg **ret, struct err *err)
{
	const struct manifest_job *j = arg;
	struct pg *db;

	if (!actor_connect(j->actor, name, &db, err))
		return false;
	if (strcmp(name, control_name) == 0 &&
	    (!pg_exec(db,
		      "SELECT set_config('synchronous_commit', 'on', false)"
		      " WHERE current_setting('synchronous_commit') = 'off'",
		      err) ||
	     /* The first one joins later, when there is a ledger to listen to. */
	     (j->ledger.shared && !pg_listen(db, knobs_channel, err)))) {
		pg_close(db);
		return false;
	}
	*ret = db;
	return true;
}

static void keep_session(void *arg, struct pg *db)
{
	const struct manifest_job *j = arg;

	actor_keep(j->actor, db);
}

static void replace_control(void *arg, struct pg *db)
{
	struct manifest_job *j = arg;

	pg_close(j->control);
	j->control = j->setup.control = db;
}

/* The server's connections are others' too. */
static void leave_all(void *arg)
{
	const struct manifest_job *j = arg;

	actor_keep_none(j->actor);
}

/* The hold that this is done in is over, or the program's time is. */
static bool may_go_on(void *arg)
{
	const struct manifest_job *j = arg;
	double change;

	return listener_hears_stop(j->setup.listener) ||
	       (schedule_look(&j->setup.schedule, clock_wall(), clock_monotonic(), &change) !=
			SCHEDULE_CLOSED &&
		listener_hears_resume(j->setup.listener));
}

/*
 * A pause may be long: what was changed until now must not stay cached meanwhile.  It is no matter
 * of seconds, since files are there still: the search takes long where repositories are large, and
 * whoever pauses wants no transaction of ours.
 */
static void pay_meanwhile(void *arg)
{
	struct manifest_job *j = arg;
	const struct place *place = &j->actor->look->place;
	struct err ignored; /* the debt is kept */
	size_t flushed;

	if (j->setup.dry_run || !place->cache_enabled || !place->redis_url)
		return;
	if (j->setup.listener)
		pg_heed(j->control, may_go_on, j);
	if ((!cache_debt_resolve(j, false, &ignored) ||
	     !cache_debt_pay(j, true, &flushed, &ignored)) &&
	    ignored.code != ERR_HELD)
		log_warning("the content cache is owed until later: %s", ignored.text);
	listener_end(j->setup.listener, j->control);
}

static bool schema_changed(struct err *err)
{
	return err_set(err, ERR_STOPPED,
		       "Pulp's schema changed while this ran: a migrate is at work"),
	       err_hint(err,
			"Nothing is lost. Run the same command again when the migrate has ended.");
}

/* Pulp's own migrate must not find us in its way, nor we its tables half done. */
static bool same_schema(void *arg, struct pg *db, struct err *err)
{
	const struct manifest_job *j = arg;
	struct err why = { 0 };
	bool same;

	if (pulp_schema_same(db, &j->schema, &same, &why) && same)
		return true;
	if (!pg_alive(db)) {
		*err = why;
		return false;
	}
	return schema_changed(err);
}

static bool find_repository(struct manifest_job *j, const char *name, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	unsigned char id[16];

	if (!pg_query(j->control,
		      "SELECT pulp_id::text FROM core_repository WHERE name = $1 ORDER BY 1",
		      (struct pg_param[]){ PG_P_TEXT(name) }, 1, &r, err))
		return false;
	if (pg_rows_count(r) == 0)
		return err_set(err, ERR_USAGE, "there is no repository named '%s'", name),
		       err_hint(err, "Give the name as `pulp container repository list` shows it.");
	if (pg_rows_count(r) > 1)
		return err_set(err, ERR_USAGE,
			       "%zu repositor(y|ies) of several domains (is|are) named '%s'",
			       pg_rows_count(r), name),
		       err_hint(err, "Run without --repository: all of them are migrated then.");
	if (!uuid_parse(pg_text(r, 0, 0), id))
		return err_set(err, ERR_BUG, "the id of repository '%s' is not a uuid", name);
	uuid_format(id, j->repository_id);
	j->pending.repository_id = j->repository_id;
	return true;
}

static void write_options(struct manifest_job *j)
{
	snprintf(j->options, sizeof(j->options), "{\"refill\": %s, \"repository\": \"%s\"}",
		 j->pending.refill ? "true" : "false", j->repository_id);
}

static bool read_schedule(const struct config *c, const struct manifest_params *p, double began,
			  double began_monotonic, struct schedule *ret, struct err *err)
{
	const char *window = p->window ? p->window : config_get(c, "pre-migrate.window");
	double most = p->max_duration;

	*ret = (struct schedule){ .deadline = INFINITY, .end = INFINITY };
	if (window && !calendar_parse(window, &ret->windows, err))
		return p->window ? false : err_wrap(err, "pre-migrate.window");
	if ((window || p->deadline) && !clock_zone(err))
		return false;
	/* From the program's begin on: a later step must not take 06:00 for tomorrow's. */
	if (p->deadline && !wall_parse(p->deadline, began, &ret->deadline, err))
		return err_wrap(err, "--deadline");
	if (most <= 0 && config_get(c, "pre-migrate.max_duration") &&
	    !config_seconds(c, "pre-migrate.max_duration", &most, err))
		return false;
	if (most > 0)
		ret->end = began_monotonic + most;
	return true;
}

bool manifest_params_check(const struct manifest_params *p, double now, struct err *err)
{
	struct calendar windows;
	double deadline;

	if (p->window && !calendar_parse(p->window, &windows, err))
		return err_wrap(err, "--window");
	return !p->deadline || wall_parse(p->deadline, now, &deadline, err) ||
	       err_wrap(err, "--deadline");
}

static bool read_config(struct manifest_job *j, const struct config *c, struct err *err)
{
	struct batch_setup *s = &j->setup;
	long writers, readers, memory, nice;
	const char *bad = config_get(c, "pre-migrate.on_bad_row");

	if (!config_long(c, "pre-migrate.writers", &writers, err) ||
	    !config_long(c, "pre-migrate.readers", &readers, err) ||
	    !config_long(c, "pre-migrate.nice", &nice, err) ||
	    !config_long(c, "pre-migrate.memory", &memory, err) ||
	    !config_seconds(c, "pre-migrate.lease", &s->lease, err) ||
	    !config_seconds(c, "pre-migrate.stall_after", &s->stall_after, err) ||
	    !config_real(c, "pre-migrate.duty", &s->duty, err))
		return false;
	s->writers = (int)writers;
	s->readers = (int)readers;
	s->nice = (int)nice;
	s->memory = (size_t)memory;
	s->fail_on_bad_row = bad && strcmp(bad, "fail") == 0;
	s->retry_for = 60;
	return true;
}

static const char *state_dir(const struct manifest_job *j)
{
	return config_get(j->actor->look->config, "general.state_dir");
}

static bool save(const struct manifest_job *j, struct pg *db, struct err *err)
{
	return verdict_file_save(db, j->except, state_dir(j), err) ||
	       err_wrap(err, "while keeping what was set aside");
}

static bool intend_verdicts(void *arg, struct pg *db, struct err *err)
{
	const struct manifest_job *j = arg;

	return verdict_file_intend(db, j->except, state_dir(j), err) ||
	       err_wrap(err, "while keeping what was set aside");
}

/* At most once a second: a kill costs what was set aside since, which is then looked at again. */
static bool save_verdicts(void *arg, struct pg *db, bool partial, struct err *err)
{
	struct manifest_job *j = arg;
	double now = clock_monotonic();

	if (partial) {
		j->saved_at = now;
		return verdict_file_keep(db, state_dir(j), err) ||
		       err_wrap(err, "while keeping what was set aside");
	}
	if (now - j->saved_at < 1.0)
		return true;
	j->saved_at = now;
	return save(j, db, err);
}

/* A ledger that nobody else sees: what earlier sessions learned comes from outside, and nobody else
 * may be at work. */
static bool take_over(const struct manifest_job *j, bool dry_run, struct err *err)
{
	return (dry_run || (actor_lock_host(j->actor, err) &&
			    verdict_file_claim(j->control, state_dir(j), err))) &&
	       verdicts_copy(&j->ledger, j->control, state_dir(j), err);
}

bool manifest_job_open(struct manifest_job *j, struct actor *a, const struct manifest_params *p,
		       bool storage, struct err *err)
{
	*j = (struct manifest_job){ .actor = a,
				    .pending = { .refill = p->refill != 0 },
				    .follows = p->follows };
	pending_recall(a->look, &j->known);
	memo_forget(a->look->memo);
	if (a->listener && !p->dry_run)
		listener_rest(a->listener); /* the control session hears for itself */
	if (!read_config(j, a->look->config, err) ||
	    !read_schedule(a->look->config, p, a->began, a->began_monotonic, &j->setup.schedule,
			   err) ||
	    !connect_session(j, control_name, &j->control, err))
		return false;
	if (!pulp_schema_probe(j->control, !p->dry_run, p->assume_schema != 0, &j->schema, err) ||
	    (storage && !storage_open(a->look->config, &a->look->place, &j->storage, err)) ||
	    (p->repository && !find_repository(j, p->repository, err)) ||
	    !ledger_open(j->control, j->schema.owner, p->dry_run != 0, &j->ledger, err) ||
	    !control_join(&j->steer, &j->ledger, j->control, a->run_id, err) ||
	    !manifest_throttle(j, p, err)) {
		manifest_job_close(j);
		return false;
	}
	/* What a dry run writes is nobody's, but what it costs is everybody's. */
	if (a->listener)
		a->listener->alone = !j->ledger.shared && !p->dry_run;
	snprintf(j->except, sizeof(j->except), "%s.verdict", j->ledger.schema);
	j->pending.except = j->except;
	if (!j->ledger.shared && !take_over(j, p->dry_run != 0, err)) {
		manifest_job_close(j);
		return false;
	}
	manifest_forecast_recall(j);
	if (a->begun)
		a->begun(a->begun_arg);
	write_options(j);
	struct batch_setup *s = &j->setup;
	s->ledger = j->ledger;
	s->control = j->control;
	s->connect_arg = j;
	s->connect = connect_session;
	s->disconnect = keep_session;
	s->replace_control = replace_control;
	s->still_good = same_schema;
	j->steer.brake_file = config_get(a->look->config, "pre-migrate.brake_file");
	s->steer = &j->steer;
	s->listener = a->listener;
	s->on_hold = leave_all;
	s->on_long_hold = pay_meanwhile;
	s->settling = p->dry_run ? NULL : intend_verdicts;
	s->settled = p->dry_run ? NULL : save_verdicts;
	s->reporter = a->reporter;
	s->run_id = a->run_id;
	s->max_rows = p->max_rows;
	s->trace_file = config_get(a->look->config, "pre-migrate.trace");
	s->dry_run = p->dry_run != 0;
	if (!j->ledger.shared && !p->dry_run)
		EMIT(a->reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message", j->ledger.why_single),
		     F_TEXT("hint",
			    "One worker runs, and what it learns is kept in the state directory only. GRANT CREATE ON "
			    "DATABASE to the owner of Pulp's tables lets several workers share a run."));
	return true;
}

static bool connect_looker(void *arg, const char *name, struct pg **ret, struct err *err)
{
	const struct manifest_job *j = arg;
	struct pg *db;

	if (!actor_connect(j->actor, name, &db, err))
		return false;
	/* What the state directory remembers is read through a setting of the session. */
	const char *except;
	if (verdicts_source(db, state_dir(j), &except, err)) {
		*ret = db;
		return true;
	}
	pg_close(db);
	return false;
}

bool manifest_job_look(struct manifest_job *j, struct actor *a, struct err *err)
{
	struct batch_setup *s = &j->setup;

	*j = (struct manifest_job){ .actor = a };
	if (!read_config(j, a->look->config, err) ||
	    !connect_looker(j, "estimate", &j->control, err))
		return false;
	if (!pulp_schema_probe(j->control, false, false, &j->schema, err) ||
	    !verdicts_source(j->control, state_dir(j), &j->pending.except, err)) {
		manifest_job_close(j);
		return false;
	}
	s->control = j->control;
	s->connect_arg = j;
	s->connect = connect_looker;
	s->listener = a->listener;
	s->reporter = a->reporter;
	s->run_id = a->run_id;
	return true;
}

bool manifest_job_wait(struct manifest_job *j, const char *label, struct outcome *out)
{
	char why[256];
	struct pg *db;
	struct err ignored;

	if (batch_hold(&j->setup, label, why, sizeof(why)) == SCHEDULE_GO) {
		/* The server may have been restarted meanwhile. */
		if (j->ledger.shared && !pg_exec(j->control, "SELECT 1", &ignored) &&
		    connect_session(j, control_name, &db, &ignored))
			replace_control(j, db);
		return true;
	}
	outcome_set(out, RESULT_WARNING, "nothing was begun: %s", why);
	outcome_hint(out, "The same command goes on from here.");
	out->exit = exit_of_stop(stop_signal());
	return false;
}

bool manifest_job_run(struct manifest_job *j, const struct batch_job *job, struct batch_result *ret,
		      struct err *err)
{
	/* No such column or table, a prepared statement whose result would be another. */
	static const char *const misfits[] = { "42703", "42P01", "0A000" };

	struct err ignored;
	bool keep = !j->ledger.shared && !j->setup.dry_run;

	if (batch_run(&j->setup, job, ret, err)) {
		foretold_compare(j, job, ret);
		return !keep || save(j, j->control, err);
	}
	if (keep && pg_alive(j->control))
		(void)!save(j, j->control, &ignored);
	for (size_t i = 0; i < ARRAY_LEN(misfits); i++) {
		if (strcmp(err->native, misfits[i]) == 0)
			return schema_changed(err);
	}
	/* The engine has waited for the server, or its ledger has gone with the session.  Lost
	 * before there was a run, the step begins again. */
	if (err_session_lost(err) && (ret->run != 0 || !j->ledger.shared)) {
		err->code = ERR_STOPPED;
		err_hint(err, "Nothing is lost: the same command goes on from here.");
	}
	return false;
}

void manifest_job_close(struct manifest_job *j)
{
	storage_close(j->storage);
	/* With a ledger of its own it ends with it. */
	if (j->ledger.shared)
		actor_keep(j->actor, j->control);
	else
		pg_close(j->control);
	j->storage = NULL;
	j->control = NULL;
}

bool manifest_job_follow(struct manifest_job *j, const char *label, bool *followed, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct json *options = NULL;
	unsigned char id[16];
	bool refill = false;

	*followed = false;
	if (!ledger_query(&j->ledger, j->control,
			  "SELECT options FROM @.run WHERE job = $1 AND state = 'open'",
			  (struct pg_param[]){ PG_P_TEXT(label) }, 1, &r, err))
		return false;
	if (pg_rows_count(r) == 0 || strcmp(pg_text(r, 0, 0), j->options) == 0)
		return true;
	/* What is read from the ledger is data: a flag and a uuid, checked as such. */
	if (!json_parse(pg_text(r, 0, 0), pg_len(r, 0, 0), &options, err))
		return err_wrap(err, "while reading the open run's options");
	(void)!json_bool(json_get(options, "refill"), &refill);
	const char *repository = json_text(json_get(options, "repository"));
	j->pending.refill = refill;
	j->pending.repository_id = NULL;
	j->repository_id[0] = '\0';
	if (repository && repository[0] && uuid_parse(repository, id)) {
		uuid_format(id, j->repository_id);
		j->pending.repository_id = j->repository_id;
	}
	json_free(options);
	write_options(j);
	*followed = true;
	return true;
}

void manifest_job_report(const struct batch_result *res, const char *verb, bool fills,
			 struct outcome *out)
{
	enum result result = res->partial + res->quarantined + res->skipped > 0 || res->stopped
				     ? RESULT_WARNING
				     : RESULT_OK;

	/* At detach a partial row is one whose link was kept. */
	char held[64] = "", words[32];

	if (res->held >= 1) {
		clock_in_words(res->held, words, sizeof(words));
		snprintf(held, sizeof(held), ", beside %s of waiting", words);
	}
	outcome_set(out, result, "%lld manifest(s) %s in %.1f s (%.0f rows/s)%s%s",
		    (long long)(res->changed - (fills ? 0 : res->partial)), verb, res->seconds,
		    res->seconds > 0 ? (double)res->rows / res->seconds : 0.0, held,
		    res->joined ? ", together with the run that was open" : "");
	if (fills) {
		outcome_count(out, "rows", res->changed);
		outcome_count(out, "partial", res->partial);
		outcome_count(out, "quarantined", res->quarantined);
	}
	if (res->partial > 0)
		outcome_example(
			out,
			fills ? "%lld partial: data stored, some fields could not be derived"
			      : "%lld link(s) kept: the linked artifact is not what the data says",
			(long long)res->partial);
	if (res->quarantined > 0)
		outcome_example(out, "%lld quarantined: their data cannot be had",
				(long long)res->quarantined);
	if (res->skipped > 0)
		outcome_example(out, "%lld left: somebody else was changing them",
				(long long)res->skipped);
	if (res->quarantined + res->partial > 0)
		outcome_hint(
			out,
			"`plmaint pre-migrate quarantine list` shows each with its reason and repositories.");
	if (res->stopped) {
		out->exit = exit_of_stop(stop_signal());
		outcome_hint(
			out,
			"Stopped with its state saved%s%s; the same command goes on from here.",
			res->why[0] ? ", since " : "", res->why);
	} else if (res->skipped > 0) {
		out->exit = EXIT_STOPPED_EARLY;
		outcome_hint(
			out,
			"Run the same command again for the rows that were locked or changed meanwhile.");
	}
}

void manifest_job_rolled_back(struct outcome *out)
{
	out->rolled_back = true;
	outcome_hint(out, "All of it was rolled back; without --dry-run it is done.");
}

bool manifest_pending(const struct probe *p, const struct manifest_params *params,
		      struct pulp_schema *schema, struct pending_counts *ret, struct err *err)
{
	struct pending_options o = { .refill = params && params->refill };

	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err))
		return false;
	return pending_known(p, params && params->assume_schema, &o, schema, ret, err);
}

bool manifest_links_pending(const struct probe *p, const struct manifest_params *params,
			    struct pulp_schema *schema, bool *any, int64_t *ret, struct err *err)
{
	struct pending_options o = { .refill = params && params->refill };

	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err))
		return false;
	return pending_links_known(p, params && params->assume_schema, &o, schema, any, ret, err);
}

/* Of what the ledger knows: an open run, or verdicts of rules that are not ours; who opens it makes
 * these void. */
static bool ledger_left_over(const struct probe *p, const char *label, bool *any, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char rules[16];
	bool ledger;

	*any = false;
	if (!ledger_exists(p->db, &ledger, err))
		return false;
	if (!ledger)
		return true;
	snprintf(rules, sizeof(rules), "%d", LEDGER_CLASSIFIER);
	if (!pg_query(p->db,
		      "SELECT EXISTS (SELECT FROM plmaint.run WHERE job = $1 AND state = 'open')"
		      " OR EXISTS (SELECT FROM plmaint.meta WHERE classifier <> $2::int)",
		      (struct pg_param[]){ PG_P_TEXT(label), PG_P_TEXT(rules) }, 2, &r, err))
		return false;
	*any = pg_bool(r, 0, 0);
	return true;
}

bool manifest_left_over(const struct probe *p, const struct pulp_schema *schema,
			const struct manifest_params *params, enum pending_kind kind,
			const char *label, bool *changed, bool *any, struct err *err)
{
	bool left;

	if (!revisit_needed(p, schema, params, kind, changed, err) ||
	    !ledger_left_over(p, label, &left, err))
		return false;
	*any = *changed || left;
	return true;
}

bool manifest_job_images_then_lists(struct manifest_job *j, const char *label,
				    enum pending_kind images, enum pending_kind lists,
				    struct batch_result *ret, struct err *err)
{
	struct manifest_phase bound[2];
	struct batch_phase phases[2];
	struct batch_ahead ahead[MANIFEST_AHEAD];

	manifest_phase_bind(j, &bound[0], images, &phases[0]);
	manifest_phase_bind(j, &bound[1], lists, &phases[1]);
	const struct batch_job job = { .label = label,
				       .options = j->options,
				       .phases = phases,
				       .n_phases = 2,
				       .ahead = ahead,
				       .n_ahead = manifest_forecast_ahead(j, lists, ahead) };
	bool ok = manifest_job_run(j, &job, ret, err);
	manifest_phase_release(&bound[0], &phases[0]);
	manifest_phase_release(&bound[1], &phases[1]);
	return ok;
}
