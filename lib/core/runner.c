/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs steps.  One step goes through: in this run at all -> whitelisted -> its needs are met ->
 * there is work -> run -> verify; each way out is one outcome, reported and journalled alike.
 */
#include "lib/core/runner.h"

#include "lib/core/clock.h"
#include "lib/core/crew.h"
#include "lib/core/exit.h"
#include "lib/core/journal.h"
#include "lib/core/list.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/core/resumed.h"
#include "lib/core/stop.h"
#include "lib/core/strbuf.h"
#include "lib/core/version.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double lost_limit = 60.0; /* seconds from the first loss of a session */

struct run {
	const struct run_request *rq;
	struct session *session;
	struct journal *journal; /* NULL: none, or given up after an error */
	char *name;		 /* "pre-migrate run" */
	double started;
	int exit;
	bool ended;	       /* no further step but rescue steps */
	bool rolled_back;      /* a dry run */
	bool failed;	       /* rescue steps are called for */
	struct outcome totals; /* its counts alone: the last step's word on each key */
	struct crew *crew;     /* NULL: steps are done by this process */
	/* With room for all steps, NULL-terminated. */
	const char **failing, **passable; /* passable: those that --whitelist may pass over */
	size_t n_failing, n_passable;
};

static const char *label_of(const struct step *s)
{
	return s->check ? s->check->label : s->procedure->label;
}

static const char *summary_of(const struct step *s)
{
	return s->check ? s->check->summary : s->procedure->summary;
}

static unsigned needs_of(const struct step *s)
{
	return s->check ? s->check->needs : s->procedure->needs;
}

/* The journal is history: a run goes on without it, and says so once. */
static void note(struct run *r, const char *event, const struct field *fields)
{
	struct err err;

	if (!r->journal || journal_add(r->journal, event, fields, &err))
		return;
	log_warning("%s; the run goes on without it", err.text);
	journal_close(r->journal);
	r->journal = NULL;
}
#define NOTE(r, event, ...) note((r), (event), (const struct field[]){ __VA_ARGS__, F_END })

static int exit_of_outcome(const struct outcome *o)
{
	if (o->exit)
		return o->exit;
	switch (o->result) {
	case RESULT_OK:
	case RESULT_NOT_NEEDED:
	case RESULT_SKIPPED:
		return EXIT_DONE;
	case RESULT_WARNING:
		return EXIT_WARNINGS;
	case RESULT_UNKNOWN:
		return EXIT_UNKNOWN;
	case RESULT_FINDING:
	case RESULT_FAILED:
		return EXIT_FAILED;
	}
	return EXIT_FAILED;
}

/* What an error means for this kind of step. */
static void outcome_of_err(const struct step *s, const struct err *err, struct outcome *o)
{
	bool stopped = err->code == ERR_STOPPED || err->code == ERR_LOCKED || err->code == ERR_HELD;
	bool looks = s->check || !s->procedure->changes;
	enum result r = stopped ? RESULT_WARNING : looks ? RESULT_UNKNOWN : RESULT_FAILED;

	outcome_set(o, r, "%s", err->text);
	outcome_hint(o, "%s",
		     err->code == ERR_HELD ? "The same command goes on from here." : err->hint);
	if (stopped)
		o->exit = exit_of_stop(stop_signal());
	else if (err->code == ERR_CONFIG || err->code == ERR_USAGE)
		o->exit = EXIT_USAGE;
}

static const struct err *unmet_need(const struct session *s, unsigned needs)
{
	for (unsigned bit = 0; bit < NEED_COUNT; bit++)
		if (needs & s->unmet & 1U << bit)
			return &s->unmet_why[bit];
	return NULL;
}

/* A look can be asked again as a whole, so it may be cancelled. */
static bool look(struct session *s, const struct step *step, const void *params, bool *needed,
		 struct outcome *o, struct err *err)
{
	s->looking = true;
	bool ok = step->check ? step->check->run(s->probe, params, o, err)
		  : step->procedure->needed
			  ? step->procedure->needed(s->probe, params, needed, o, err)
			  : true;
	s->looking = false;
	return ok;
}

static bool ask_and_run(struct session *s, const struct step *step, const void *params,
			struct outcome *o, struct err *err)
{
	const struct procedure *p = step->procedure;
	bool needed = true;

	if (!look(s, step, params, &needed, o, err))
		return false;
	if (step->check)
		return true;
	if (!needed) {
		o->result = RESULT_NOT_NEEDED;
		return true;
	}
	outcome_release(o);
	*o = (struct outcome){ 0 };
	if (p->deletes && !s->may_delete) {
		(void)err_set(err, ERR_USAGE, "it deletes %s, and --delete was not given",
			      p->deletes);
		return err_hint(err, "Add --delete when that is wanted; --assumeyes alone deletes "
				     "nothing.");
	}
	if (!p->run(s->actor, params, o, err))
		return false;
	if (o->result == RESULT_OK && p->verify)
		return p->verify(s->probe, params, o, err);
	return true;
}

/*
 * A step whose session with the database was lost begins again: it asks the system what is left to
 * do, and provide waits for a server that restarts.  So does one that was cancelled for a pause,
 * when that is over.
 */
static bool ask_until_told(struct session *s, const struct step *step, const void *params,
			   struct outcome *o, struct err *err)
{
	double lost_at = 0;

	while (!ask_and_run(s, step, params, o, err)) {
		double now = clock_monotonic();

		if (err->code == ERR_HELD) {
			if (!s->hold || !s->hold(s, label_of(step)))
				return false;
			outcome_release(o);
			*o = (struct outcome){ 0 };
			continue;
		}
		lost_at = lost_at > 0 ? lost_at : now;
		if (!err_session_lost(err) || now - lost_at > lost_limit || !stop_wait(0.25))
			return false;
		EMIT(s->reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message", err->text), F_TEXT("hint", "The step begins again."));
		outcome_release(o);
		*o = (struct outcome){ 0 };
		if (s->provide)
			s->provide(s, needs_of(step), false);
		if (unmet_need(s, needs_of(step)))
			return false;
	}
	return true;
}

/* Seconds; 0: none. */
static double time_limit(const struct config *c)
{
	double seconds;
	struct err err;

	if (!config_get(c, "general.step_timeout"))
		return 0;
	if (config_seconds(c, "general.step_timeout", &seconds, &err))
		return seconds;
	log_warning("steps have no time limit: %s", err.text);
	return 0;
}

/* The work of one step under its time limit: then it is asked to stop as by a signal, and what it
 * had not done by then is a failure, of a check unknown. */
static void work(struct session *s, const struct step *step, const void *params, struct outcome *o)
{
	struct err err = { 0 };
	double limit = time_limit(s->config);
	char words[32];

	if (limit > 0)
		stop_arm(limit);

	bool ok = ask_until_told(s, step, params, o, &err);
	bool late = stop_signal() == SIGALRM;

	if (limit > 0)
		stop_disarm();
	if (!ok)
		outcome_of_err(step, &err, o);
	if (late && o->result >= RESULT_WARNING) {
		clock_in_words(limit, words, sizeof(words));
		outcome_set(o, step->check ? RESULT_UNKNOWN : RESULT_FAILED,
			    "it did not end within %s", words);
		o->exit = 0;
	}
	/* A procedure that saved its state and came back as asked. */
	if (stop_requested() && o->result == RESULT_WARNING && !o->exit)
		o->exit = exit_of_stop(stop_signal());
}

static void perform(struct run *r, const struct step *step, const void *given, struct outcome *o)
{
	struct session *s = r->session;
	const struct opt *table = step->check ? step->check->params : step->procedure->params;
	size_t size = step->check ? step->check->params_size : step->procedure->params_size;
	/* bind overwrites with texts of the command's options, which stay theirs: what the defaults
	 * allocated is freed through its own copy. */
	AUTO_FREE void *defaults = xcalloc(1, size);
	AUTO_FREE void *params = xcalloc(1, size);
	const struct err *unmet;
	struct err err;

	if (s->provide)
		s->provide(s, needs_of(step), false);
	unmet = unmet_need(s, needs_of(step));
	if (unmet) {
		outcome_of_err(step, unmet, o);
	} else if (given) {
		work(s, step, given, o);
	} else if (!options_defaults(table, defaults, &err)) {
		outcome_of_err(step, &err, o);
	} else {
		memcpy(params, defaults, size);
		if (step->bind)
			step->bind(r->rq->options, params);
		work(s, step, params, o);
	}
	o->unmet = unmet_need(s, needs_of(step));
	options_release(table, defaults);
}

/* Only the process that was started tells what happens. */
static void tell_nobody(void *self, const char *event, const struct field *fields)
{
	(void)self;
	(void)event;
	(void)fields;
}

static void perform_in_child(void *arg, size_t i, struct outcome *o)
{
	static const struct reporter mute = { .emit = tell_nobody };
	struct run *r = arg;

	r->session->reporter = &mute;
	perform(r, &r->rq->steps[i], NULL, o);
}

/* Whether the step is done at all; else *why it is passed over. */
static bool belongs(const struct run *r, const struct step *step, const char **why)
{
	*why = NULL;
	if (step->when && !step->when(r->rq->options, why)) {
		*why = *why ? *why : "not part of this run";
		return false;
	}
	if (!list_has(r->session->whitelist, label_of(step)))
		return true;
	*why = step->flags & STEP_CRITICAL ? "whitelisted with --force" : "whitelisted";
	return false;
}

static bool wanted(void *arg, size_t i)
{
	const struct run *r = arg;
	const char *why;

	return belongs(r, &r->rq->steps[i], &why);
}

static const char *kin(void *arg, size_t i)
{
	const struct run *r = arg;

	return r->rq->steps[i].check->shares;
}

/* Where Pulp is is found out once, by asking no server; the rest is each child's own. */
static void hire_crew(struct run *r)
{
	const unsigned from_settings =
		NEED_DB | NEED_MEDIA | NEED_REDIS | NEED_LEDGER | NEED_SETTINGS;
	unsigned needs = 0;
	size_t n = 0;

	for (const struct step *s = r->rq->steps; s->check; s++, n++)
		needs |= needs_of(s);
	if (needs & from_settings && r->session->provide)
		r->session->provide(r->session, NEED_SETTINGS, false);
	r->crew = crew_start(&(struct crew_options){ .jobs = n,
						     .size = r->rq->crew,
						     .limit = r->rq->crew_limit,
						     .wanted = wanted,
						     .kin = kin,
						     .work = perform_in_child,
						     .arg = r });
}

static void add_counts(struct field *fields, size_t *n, const struct count *counts)
{
	for (size_t i = 0; i < OUTCOME_COUNTS && counts[i].key; i++)
		fields[(*n)++] = (struct field)F_INT(counts[i].key, counts[i].n);
}

static void report_end(struct run *r, const struct step *step, const struct outcome *o,
		       double seconds)
{
	struct field fields[10 + OUTCOME_COUNTS + 1] = {
		F_TEXT("label", label_of(step)),
		F_TEXT("kind", step->check ? "check" : "procedure"),
		F_TEXT("result", result_word(o->result)),
		F_REAL("seconds", seconds),
		F_TEXT("summary", summary_of(step)),
		F_TEXT("message", *o->text ? o->text : NULL),
		F_TEXT("hint", *o->hint ? o->hint : NULL),
	};
	size_t n = 7;

	if (o->examples[0])
		fields[n++] = (struct field)F_LIST("examples", (const char *const *)o->examples);
	if (step->check && step->check->remedies &&
	    (o->result == RESULT_WARNING || o->result == RESULT_FINDING))
		fields[n++] = (struct field)F_LIST("remedies", step->check->remedies);
	add_counts(fields, &n, o->counts);
	emit(r->session->reporter, "step.end", fields);
	NOTE(r, "step.end", F_TEXT("label", label_of(step)),
	     F_TEXT("result", result_word(o->result)), F_REAL("seconds", seconds),
	     F_TEXT("message", *o->text ? o->text : NULL));
}

/* Several steps write rows: what was recovered and what was filled are both of this run. */
static void add_total(struct outcome *totals, const struct count *c)
{
	int64_t before = 0;

	for (size_t i = 0; i < OUTCOME_COUNTS && totals->counts[i].key; i++) {
		if (strcmp(totals->counts[i].key, c->key) == 0)
			before = totals->counts[i].n;
	}
	outcome_count(totals, c->key, before + c->n);
}

/* Checks by hand: nothing follows that could pass over one of them, and what two of them have
 * counted is no work of the run. */
static bool only_looks(const struct run *r)
{
	return r->rq->crew > 0;
}

/* What could not even begin is not mended by passing over it; and what acts is what was asked for,
 * unless the scenario goes on without it. */
static bool may_be_passed(const struct run *r, const struct step *step, const struct outcome *o)
{
	const struct step *second = &r->rq->steps[1];
	bool acts = step->procedure && step->procedure->changes;

	if (only_looks(r) || step->flags & STEP_CRITICAL || o->unmet || o->exit == EXIT_USAGE)
		return false;
	return (second->check || second->procedure) && (!acts || step->flags & STEP_FAIL_SLOW);
}

static void fold(struct run *r, const struct step *step, const struct outcome *o)
{
	int status = exit_of_outcome(o);
	bool stopped = exit_is_resumable(status);
	bool bad = o->result >= RESULT_FINDING;

	for (size_t i = 0; i < OUTCOME_COUNTS && o->counts[i].key && !only_looks(r); i++)
		add_total(&r->totals, &o->counts[i]);
	r->exit = exit_worse(r->exit, status);
	r->rolled_back |= o->rolled_back;
	if (bad) {
		r->failing[r->n_failing++] = label_of(step);
		if (may_be_passed(r, step, o))
			r->passable[r->n_passable++] = label_of(step);
	}
	/* A scenario that was stopped on its way is as much in need of rescue. */
	r->failed |= bad || stopped;
	if (stopped || (bad && !(step->flags & STEP_FAIL_SLOW)))
		r->ended = true;
}

static void run_step(struct run *r, const struct step *step, const void *given)
{
	struct session *s = r->session;
	struct outcome o = { 0 };
	double begin = clock_monotonic(), seconds = NAN;
	const char *why;
	struct err err;

	if (!belongs(r, step, &why)) {
		outcome_set(&o, RESULT_SKIPPED, "%s", why);
	} else {
		EMIT(s->reporter, "step.start", F_TEXT("label", label_of(step)),
		     F_TEXT("kind", step->check ? "check" : "procedure"),
		     F_TEXT("summary", summary_of(step)));
		NOTE(r, "step.start", F_TEXT("label", label_of(step)));
		if (!r->crew)
			perform(r, step, given, &o);
		else if (!crew_take(r->crew, (size_t)(step - r->rq->steps), &o, &seconds, &err))
			outcome_of_err(step, &err, &o);
	}
	report_end(r, step, &o, isnan(seconds) ? clock_monotonic() - begin : seconds);
	fold(r, step, &o);
	if (r->rq->ended)
		r->rq->ended(r->rq->ended_arg, step, &o, exit_of_outcome(&o));
	outcome_release(&o);
}

/* What only looks leaves no history. */
static bool changes_something(const struct step *steps)
{
	for (; steps->check || steps->procedure; steps++)
		if (steps->procedure && steps->procedure->changes)
			return true;
	return false;
}

static void forget_old_runs(struct run *r)
{
	struct err err;
	long keep;

	if (!config_long(r->session->config, "general.history", &keep, &err) ||
	    !journal_prune(r->journal, (size_t)keep - 1, &err))
		log_warning("old runs stay in the journal: %s", err.text);
}

static void begin(struct run *r)
{
	const struct run_request *rq = r->rq;
	AUTO_FREE char *left = NULL;
	struct err err;

	r->name = rq->action ? xasprintf("%s %s", rq->command, rq->action) : xstrdup(rq->command);
	r->started = clock_monotonic();
	if (rq->state_dir && changes_something(rq->steps)) {
		left = resumed_words(rq->state_dir, r->name);
		if (!journal_open(rq->state_dir, r->session->run_id, &r->journal, &err)) {
			log_warning("no history of this run: %s", err.text);
			r->journal = NULL;
		} else {
			forget_old_runs(r);
		}
	}
	EMIT(r->session->reporter, "run.start", F_TEXT("command", r->name),
	     F_TEXT("version", PLMAINT_VERSION), F_TEXT("resumes", left));
	NOTE(r, "run.start", F_TEXT("command", r->name), F_TEXT("version", PLMAINT_VERSION),
	     F_INT("pid", getpid()));
}

static int finish(struct run *r)
{
	double seconds = clock_monotonic() - r->started;
	struct field fields[6 + OUTCOME_COUNTS] = { F_REAL("seconds", seconds),
						    F_INT("exit", r->exit) };
	size_t n = 2;

	add_counts(fields, &n, r->totals.counts);
	if (r->rolled_back)
		fields[n++] = (struct field)F_BOOL("rolled_back", true);
	note(r, "run.end", fields);
	if (r->n_failing)
		fields[n++] = (struct field)F_LIST("failing", r->failing);
	if (r->n_passable)
		fields[n++] = (struct field)F_LIST("whitelist", r->passable);
	emit(r->session->reporter, "run.end", fields);
	journal_close(r->journal);
	free(r->name);
	free(r->failing);
	free(r->passable);
	return r->exit;
}

static int run_all(const struct run_request *rq, const void *given)
{
	struct run r = { .rq = rq, .session = rq->session };
	size_t n = 0;

	while (rq->steps[n].check || rq->steps[n].procedure)
		n++;
	r.failing = xcalloc(n + 1, sizeof(*r.failing));
	r.passable = xcalloc(n + 1, sizeof(*r.passable));
	begin(&r);
	if (rq->crew)
		hire_crew(&r);
	for (const struct step *s = rq->steps; s->check || s->procedure; s++) {
		bool rescue = s->flags & STEP_RESCUE;

		if (!rescue && !r.ended && stop_requested()) {
			r.exit = exit_worse(r.exit, exit_of_stop(stop_signal()));
			r.ended = r.failed = true;
		}
		if (s->flags & STEP_GATE && r.failed)
			r.ended = true;
		if (rescue && r.failed)
			stop_forget();
		if (rescue ? r.failed : !r.ended)
			run_step(&r, s, given);
	}
	crew_end(r.crew);
	return finish(&r);
}

int runner_run(const struct run_request *rq)
{
	return run_all(rq, NULL);
}

int runner_procedure(struct session *s, const struct procedure *p, const void *params)
{
	const struct step steps[] = { { .procedure = p }, STEPS_END };
	const struct run_request rq = {
		.command = "procedure",
		.action = p->label,
		.steps = steps,
		.session = s,
		.state_dir = config_get(s->config, "general.state_dir"),
	};

	return run_all(&rq, params);
}
