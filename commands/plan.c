/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a scenario would do, printed from the same array that runs.  The database is asked whether
 * there is work when it can be reached; a plan without it is still a plan.
 */
#include "commands/plan.h"

#include "commands/commands.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"

#include <string.h>

struct planned {
	bool included, asked, needed;
	const char *why; /* why it is there, or why not */
	struct outcome outcome;
};

static unsigned needs_of(const struct step *st)
{
	return st->check ? st->check->needs : st->procedure->needs;
}

static void ask(struct session *s, const struct step *st, struct planned *p)
{
	const struct procedure *proc = st->procedure;
	struct err err;

	if (!proc || !proc->needed || needs_of(st) & s->unmet)
		return;

	AUTO_FREE void *defaults = xcalloc(1, proc->params_size);
	AUTO_FREE void *params = xcalloc(1, proc->params_size);

	if (options_defaults(proc->params, defaults, &err)) {
		memcpy(params, defaults, proc->params_size);
		if (st->bind)
			st->bind(s->about_options, params);
		p->asked = proc->needed(s->probe, params, &p->needed, &p->outcome, &err);
		if (!p->asked)
			outcome_set(&p->outcome, RESULT_UNKNOWN, "%s", err.text);
	}
	options_release(proc->params, defaults);
}

static void print_step(struct session *s, int n, const struct step *st, const struct planned *p)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	const char *label = st->check ? st->check->label : st->procedure->label;

	strbuf_addf(&out, "%2d. %s%s\n    ", n, label,
		    !p->included	      ? " (absent)"
		    : st->flags & STEP_RESCUE ? " (only after a failure)"
					      : "");
	text_wrap(&out, st->check ? st->check->summary : st->procedure->summary, 76, "    ");
	if (p->why) {
		strbuf_addf(&out, "\n    %s: ", p->included ? "why" : "absent");
		text_wrap(&out, p->why, 68, "         ");
	}
	if (needs_of(st)) {
		strbuf_adds(&out, "\n    needs:");
		for (unsigned bit = 0; bit < NEED_COUNT; bit++)
			if (needs_of(st) & 1U << bit)
				strbuf_addf(&out, " %s", need_word(1U << bit));
	}
	if (p->included && st->procedure && st->procedure->changes) {
		strbuf_adds(&out, "\n    changes: ");
		text_wrap(&out, st->procedure->changes, 66, "      ");
	}
	if (p->asked || *p->outcome.text) {
		AUTO_FREE char *now = xasprintf("%s%s%s",
						!p->asked   ? "unknown"
						: p->needed ? "work is there"
							    : "nothing to do",
						*p->outcome.text ? ", " : "", p->outcome.text);

		strbuf_adds(&out, "\n    now: ");
		text_wrap(&out, now, 71, "         ");
	}
	strbuf_adds(&out, "\n");
	s->reporter->print(s->reporter->self, out.data);
}

static void emit_step(struct session *s, const struct step *st, const struct planned *p)
{
	const char *needs[NEED_COUNT + 1] = { NULL };
	size_t n = 0;
	struct field fields[10] = {
		F_TEXT("label", st->check ? st->check->label : st->procedure->label),
		F_TEXT("kind", st->check ? "check" : "procedure"),
		F_TEXT("summary", st->check ? st->check->summary : st->procedure->summary),
		F_BOOL("included", p->included),
		F_TEXT("why", p->why),
		F_LIST("needs", needs),
		F_TEXT("changes", st->procedure ? st->procedure->changes : NULL),
		F_TEXT("message", *p->outcome.text ? p->outcome.text : NULL),
	};

	for (unsigned bit = 0; bit < NEED_COUNT; bit++)
		if (needs_of(st) & 1U << bit)
			needs[n++] = need_word(1U << bit);
	if (p->asked)
		fields[8] = (struct field)F_BOOL("needed", p->needed);
	emit(s->reporter, "plan.step", fields);
}

void plan_step(struct session *s, int n, const struct step *st)
{
	struct planned p = { .why = st->why };
	const char *absent = NULL;

	p.included = !st->when || st->when(s->about_options, &absent);
	if (!p.included)
		p.why = absent ? absent : "not with these options";
	else
		ask(s, st, &p);
	emit_step(s, st, &p);
	print_step(s, n, st, &p);
	outcome_release(&p.outcome);
}

static bool no_scenario(const struct session *s, struct err *err)
{
	AUTO_STRBUF struct strbuf known = { 0 };

	for (size_t i = 0; s->catalogue->commands[i]; i++) {
		const struct command *c = s->catalogue->commands[i];
		bool first = true;

		/* "backup online|offline|prune": a hint has no room for more. */
		for (const struct action *a = c->actions; a->summary; a++) {
			if (!a->scenario)
				continue;
			if (first)
				strbuf_addf(&known, "%s%s ", known.len ? ", " : "", c->name);
			strbuf_addf(&known, "%s%s", first ? "" : "|", a->name ? a->name : "");
			first = false;
		}
	}
	if (s->about)
		(void)err_set(err, ERR_USAGE, "'%s%s%s' has no steps", s->about_command->name,
			      s->about->name ? " " : "", s->about->name ? s->about->name : "");
	else
		(void)err_set(err, ERR_USAGE, "plan needs the name of a scenario");
	if (!known.len)
		return err_hint(err, "This build has no scenarios.");
	return err_hint(err, "Scenarios: %s.", known.data);
}

static bool answer(struct session *s, const void *options, int *exit_status, struct err *err)
{
	unsigned needs = 0;
	struct err ignored;
	int n = 0;

	(void)options;
	(void)exit_status;
	if (!s->about || !s->about->scenario)
		return no_scenario(s, err);
	for (const struct step *st = s->about->scenario; st->check || st->procedure; st++)
		needs |= needs_of(st);
	s->provide(s, needs, false);
	/* A plan is shown also where the configuration is not yet complete. */
	if (s->about->prepare)
		(void)s->about->prepare(s, s->about_options, &ignored);
	for (const struct step *st = s->about->scenario; st->check || st->procedure; st++)
		plan_step(s, ++n, st);
	if (s->unmet & NEED_DB) {
		AUTO_FREE char *note = xasprintf("\nThe database was not asked: %s\n",
						 s->unmet_why[__builtin_ctz(NEED_DB)].text);

		s->reporter->print(s->reporter->self, note);
	}
	return true;
}

const struct command command_plan = {
	.name = "plan",
	.summary = "show the steps of a scenario and change nothing",
	.actions =
		(const struct action[]){
			{ .summary = "show the steps of a scenario and change nothing",
			  .example = "plmaint plan pre-migrate run --keep-links",
			  .explain = "Takes a command line without `plmaint` and prints its "
				     "steps in order: why each is there or absent with these "
				     "options, what it needs, what it would change, and, when "
				     "the database can be reached, whether there is work for it "
				     "now.",
			  .operands = "COMMAND [ACTION]",
			  .flags = ACTION_ABOUT,
			  .answer = answer },
			{ 0 },
		},
};
