/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One procedure may mend what several checks have found, and is asked about once.  What it did is
 * not taken from its own word: the checks are run again, and their answer is the exit status.
 */
#include "commands/health_fix.h"

#include "commands/plan.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/runner.h"
#include "lib/core/stop.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"
#include "lib/report/ask.h"
#include "procedures/manifest_job.h"

#include <stdlib.h>
#include <string.h>

/* A procedure may uncover work for another, or do a bounded part of its own. */
enum { ROUNDS = 2 };

struct seen {
	struct step step;
	enum result first, now;
	int64_t found_first, found_now; /* -1: the check counts nothing */
	int status;
	bool looked; /* first is set */
};

enum consent { CONSENT_OPEN, CONSENT_GIVEN, CONSENT_REFUSED, CONSENT_DECLINED };
struct offer {
	const struct procedure *procedure;
	enum consent consent;
	bool worked; /* in the last round */
};

struct fix {
	struct seen *seen;
	struct offer *offers;
	size_t n_seen, n_offers;
	int status; /* the worst that a procedure asked for */
};

struct fix *fix_new(size_t steps)
{
	struct fix *f = xcalloc(1, sizeof(*f));

	f->seen = xcalloc(steps + 1, sizeof(*f->seen));
	return f;
}

void fix_free(struct fix *f)
{
	if (!f)
		return;
	free(f->seen);
	free(f->offers);
	free(f);
}

void fix_auto(struct fix **f)
{
	fix_free(*f);
}

bool fix_validate(const struct fix_options *o, struct err *err)
{
	if (o->fix || (!o->may_delete && !o->dry_run))
		return true;
	(void)err_set(err, ERR_USAGE, "--%s belongs to --fix",
		      o->may_delete ? "delete" : "dry-run");
	return err_hint(err, "Without it a check only looks.");
}

static bool is_bad(const struct seen *s)
{
	return s->now == RESULT_WARNING || s->now == RESULT_FINDING;
}

static int64_t found_in(const struct outcome *o)
{
	for (size_t i = 0; i < OUTCOME_COUNTS && o->counts[i].key; i++)
		if (strcmp(o->counts[i].key, "found") == 0)
			return o->counts[i].n;
	return -1;
}

static void note_check(struct fix *f, const struct step *step, const struct outcome *o, int status)
{
	size_t i = 0;

	while (i < f->n_seen && f->seen[i].step.check != step->check)
		i++;
	struct seen *s = &f->seen[i];
	f->n_seen += i == f->n_seen;
	if (!s->looked)
		*s = (struct seen){ .step = *step,
				    .first = o->result,
				    .found_first = found_in(o),
				    .looked = true };
	s->now = o->result;
	s->found_now = found_in(o);
	s->status = status;
}

void fix_ended(void *arg, const struct step *step, const struct outcome *o, int status)
{
	struct fix *f = arg;

	if (step->check) {
		note_check(f, step, o, status);
		return;
	}
	f->status = exit_worse(f->status, status);
	for (size_t i = 0; i < f->n_offers; i++)
		if (f->offers[i].procedure == step->procedure)
			f->offers[i].worked = o->result == RESULT_OK || o->result == RESULT_WARNING;
}

static struct offer *find_offer(const struct fix *f, const char *label)
{
	for (size_t i = 0; i < f->n_offers; i++)
		if (strcmp(f->offers[i].procedure->label, label) == 0)
			return &f->offers[i];
	return NULL;
}

/* Which findings it is for: "pulp-tasks-old (12)"; "" when for none. */
static char *reasons(const struct fix *f, const struct procedure *p)
{
	AUTO_STRBUF struct strbuf out = { 0 };

	for (size_t i = 0; i < f->n_seen; i++) {
		const struct seen *s = &f->seen[i];
		const char *const *labels = s->step.check->remedies;

		for (; labels && *labels && is_bad(s); labels++) {
			if (strcmp(*labels, p->label) != 0)
				continue;
			strbuf_addf(&out, "%s%s", out.len ? ", " : "", s->step.check->label);
			if (s->found_now >= 0)
				strbuf_addf(&out, " (%lld)", (long long)s->found_now);
		}
	}
	return xstrdup(out.data ? out.data : "");
}

/* Every procedure that mends one of the findings, in the order of their list, which is that in
 * which they build on each other. */
static void gather(struct fix *f, const struct catalogue *c)
{
	size_t most = 0;

	while (c->procedures[most])
		most++;
	f->offers = xcalloc(most + 1, sizeof(*f->offers));
	for (size_t i = 0; i < most; i++) {
		AUTO_FREE char *why = reasons(f, c->procedures[i]);

		if (*why)
			f->offers[f->n_offers++].procedure = c->procedures[i];
	}
}

/* Asks about what is open; an answer holds for all rounds. */
static bool agree(struct fix *f, struct session *s, struct err *err)
{
	for (size_t i = 0; i < f->n_offers; i++) {
		struct offer *o = &f->offers[i];
		AUTO_FREE char *why = reasons(f, o->procedure);

		if (o->consent != CONSENT_OPEN)
			continue;
		if (o->procedure->deletes && !s->may_delete) {
			o->consent = CONSENT_REFUSED;
		} else if (ask_yes(s, err, "%s would mend %s: %s. It changes %s. Run it?",
				   o->procedure->label, why, o->procedure->summary,
				   o->procedure->changes)) {
			o->consent = CONSENT_GIVEN;
		} else if (err->code == ERR_STOPPED) {
			o->consent = CONSENT_DECLINED;
		} else {
			return false;
		}
	}
	return true;
}

/* Rows that have data are looked at again only when they are asked for. */
static void bind_refill(const void *options, void *params)
{
	(void)options;
	((struct manifest_params *)params)->refill = 1;
}

/* What a finding asks of a procedure beyond its defaults. */
static const struct particular {
	const char *check, *procedure;
	void (*bind)(const void *options, void *params);
} particulars[] = { { "pulp-manifests-typed", "pulp-manifests-fill", bind_refill } };

static struct step step_of(const struct fix *f, const struct procedure *p, const char *why)
{
	struct step step = { .procedure = p, .why = why, .flags = STEP_FAIL_SLOW };

	for (size_t k = 0; k < ARRAY_LEN(particulars); k++) {
		const struct particular *q = &particulars[k];

		for (size_t i = 0; i < f->n_seen && strcmp(q->procedure, p->label) == 0; i++)
			if (is_bad(&f->seen[i]) &&
			    strcmp(f->seen[i].step.check->label, q->check) == 0)
				step.bind = q->bind;
	}
	return step;
}

/* The steps of a round: what was agreed to, then all checks that are not content: a procedure may
 * mend more than it is for.  0: nothing to do. */
static size_t compose(const struct fix *f, bool first, struct step *steps)
{
	size_t n = 0, procedures;

	for (size_t i = 0; i < f->n_offers; i++) {
		const struct offer *o = &f->offers[i];
		AUTO_FREE char *why = reasons(f, o->procedure);

		if (o->consent == CONSENT_GIVEN && *why && (first || o->worked))
			steps[n++] = step_of(f, o->procedure, NULL);
	}
	procedures = n;
	for (size_t i = 0; i < f->n_seen; i++)
		if (procedures && is_bad(&f->seen[i]))
			steps[n++] = f->seen[i].step;
	return n;
}

static unsigned needs_of(const struct step *steps, size_t n)
{
	unsigned needs = 0;

	for (size_t i = 0; i < n; i++)
		needs |= steps[i].check ? steps[i].check->needs : steps[i].procedure->needs;
	return needs;
}

static void run_round(struct fix *f, struct session *s, const struct step *steps, size_t n,
		      const void *options)
{
	s->provide(s, needs_of(steps, n), true);
	(void)runner_run(&(struct run_request){
		.command = "health",
		.action = "fix",
		.steps = steps,
		.options = options,
		.session = s,
		.state_dir = config_get(s->config, "general.state_dir"),
		.ended = fix_ended,
		.ended_arg = f,
	});
}

static const char *state_of(const struct fix *f, const struct seen *s, bool dry_run)
{
	const char *const *labels = s->step.check->remedies;
	unsigned seen = 0;

	if (!is_bad(s) && s->now != RESULT_UNKNOWN)
		return "mended";
	if (s->found_now >= 0 && s->found_now < s->found_first)
		return "better";
	if (!labels || !*labels)
		return "none";
	if (dry_run)
		return "planned";
	for (; *labels; labels++)
		seen |= 1U << find_offer(f, *labels)->consent;
	return seen & 1U << CONSENT_GIVEN     ? "unchanged"
	       : seen & 1U << CONSENT_REFUSED ? "refused"
					      : "declined";
}

static char *words_of(const struct fix *f, const struct seen *s, const char *state)
{
	const char *const *labels = s->step.check->remedies;

	if (strcmp(state, "none") == 0)
		return xstrdup("no procedure mends it: see its hint");
	if (strcmp(state, "refused") != 0)
		return NULL;
	while (find_offer(f, *labels)->consent != CONSENT_REFUSED)
		labels++;
	return xasprintf("%s deletes %s: add --delete when that is wanted", *labels,
			 find_offer(f, *labels)->procedure->deletes);
}

static void print_told(const struct session *s, const struct seen *seen, const char *state,
		       const char *words, bool dry_run)
{
	AUTO_STRBUF struct strbuf line = { 0 };
	bool by_hand = strcmp(state, "none") == 0;

	strbuf_addf(&line, "  %-28s %s", seen->step.check->label, by_hand ? "by hand" : state);
	if (seen->found_first >= 0)
		strbuf_addf(&line, ": found %lld", (long long)seen->found_first);
	if (seen->found_now >= 0 && !dry_run)
		strbuf_addf(&line, ", now %lld", (long long)seen->found_now);
	if (words && !by_hand) {
		strbuf_adds(&line, "\n    ");
		text_wrap(&line, words, 74, "    ");
	}
	strbuf_adds(&line, "\n");
	s->reporter->print(s->reporter->self, line.data);
}

static void tell(const struct fix *f, struct session *s, const struct seen *seen, bool dry_run)
{
	static const char *const nothing[] = { NULL };
	const struct check *c = seen->step.check;
	const char *state = state_of(f, seen, dry_run);
	AUTO_FREE char *words = words_of(f, seen, state);
	struct field fields[8] = { F_TEXT("check", c->label),
				   F_LIST("procedures", c->remedies ? c->remedies : nothing),
				   F_TEXT("state", state), F_TEXT("result", result_word(seen->now)),
				   F_TEXT("message", words) };
	size_t n = 5;

	if (seen->found_first >= 0)
		fields[n++] = (struct field)F_INT("before", seen->found_first);
	if (seen->found_now >= 0 && !dry_run)
		fields[n++] = (struct field)F_INT("after", seen->found_now);
	emit(s->reporter, "fix", fields);
	print_told(s, seen, state, words, dry_run);
}

static void tell_all(const struct fix *f, struct session *s, bool dry_run)
{
	bool any = false;

	for (size_t i = 0; i < f->n_seen; i++) {
		const struct seen *seen = &f->seen[i];

		if (seen->first != RESULT_WARNING && seen->first != RESULT_FINDING)
			continue;
		if (!any)
			s->reporter->print(s->reporter->self, dry_run ? "\nWhat there is to mend:\n"
								      : "\nWhat became of it:\n");
		any = true;
		tell(f, s, seen, dry_run);
	}
	if (!any)
		s->reporter->print(s->reporter->self, "\nThere is nothing to mend.\n");
}

void fix_point_out(const struct fix *f, struct session *s)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_seen; i++)
		n += is_bad(&f->seen[i]) && f->seen[i].step.check->remedies;
	if (n == 0 || s->quiet)
		return;
	AUTO_FREE char *line = xasprintf(
		"Procedures mend %zu of these findings: `plmaint health check --fix` offers them.\n",
		n);

	s->reporter->print(s->reporter->self, line);
}

static void plan(const struct fix *f, struct session *s)
{
	unsigned needs = 0;

	for (size_t i = 0; i < f->n_offers; i++)
		needs |= f->offers[i].procedure->needs;
	s->provide(s, needs, false);
	for (size_t i = 0; i < f->n_offers; i++) {
		const struct procedure *p = f->offers[i].procedure;
		AUTO_FREE char *labels = reasons(f, p);
		AUTO_FREE char *why =
			xasprintf("it mends %s%s%s", labels,
				  p->deletes ? "; needs --delete, since it deletes " : "",
				  p->deletes ? p->deletes : "");

		const struct step step = step_of(f, p, why);

		plan_step(s, (int)i + 1, &step);
	}
}

static bool mend(struct fix *f, struct session *s, const void *options, struct err *err)
{
	AUTO_FREE struct step *steps = xcalloc(f->n_offers + f->n_seen + 1, sizeof(*steps));

	if (!agree(f, s, err))
		return false;
	for (int round = 0; round < ROUNDS && !stop_requested(); round++) {
		size_t n = compose(f, round == 0, steps);

		if (n == 0)
			break;
		steps[n] = (struct step)STEPS_END;
		for (size_t i = 0; i < f->n_offers; i++)
			f->offers[i].worked = false;
		f->status = 0;
		run_round(f, s, steps, n, options);
	}
	return true;
}

bool fix_run(struct fix *f, struct session *s, const struct fix_options *o, const void *options,
	     int *exit_status, struct err *err)
{
	s->may_delete = o->may_delete;
	gather(f, s->catalogue);
	if (o->dry_run)
		plan(f, s);
	else if (!mend(f, s, options, err))
		return false;
	tell_all(f, s, o->dry_run);
	*exit_status = f->status;
	for (size_t i = 0; i < f->n_seen; i++)
		*exit_status = exit_worse(*exit_status, f->seen[i].status);
	return true;
}
