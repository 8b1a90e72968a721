/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maintenance mode by hand: on, off, and whether it is on. */
#include "commands/commands.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/drivers/probe.h"
#include "lib/host/closure.h"
#include "lib/host/schedules.h"
#include "procedures/host_firewall.h"
#include "procedures/procedures.h"

#include <math.h>

static const struct opt start_table[] = { FIREWALL_PARAMS_ROWS(struct firewall_params), OPTS_END };

static void bind_firewall(const void *options, void *params)
{
	*(struct firewall_params *)params = *(const struct firewall_params *)options;
}

static const struct step start_steps[] = {
	{ .procedure = &procedure_host_firewall_close,
	  .bind = bind_firewall,
	  .why = "nobody begins what would be cut off" },
	{ .procedure = &procedure_host_schedules_stop,
	  .why = "nothing begins by itself what would be cut off" },
	STEPS_END
};

static const struct step stop_steps[] = {
	{ .procedure = &procedure_host_firewall_open, .why = "asked for", .flags = STEP_FAIL_SLOW },
	{ .procedure = &procedure_host_schedules_start, .why = "exactly what was stopped" },
	STEPS_END
};

static const struct step resume_steps[] = {
	{ .procedure = &procedure_host_maintenance_resume,
	  .why = "the kernel forgets, and whoever held it does not" },
	STEPS_END
};

static const struct step await_steps[] = {
	{ .procedure = &procedure_host_schedules_await,
	  .why = "the kernel opens the ports, and nothing else" },
	STEPS_END
};

static const char *state_word(enum closure_state state)
{
	return state == CLOSURE_OPEN ? "off" : state == CLOSURE_CLOSED ? "on" : "half";
}

/* All that maintenance mode is, as it is now. */
struct mode {
	struct closure closure;
	struct schedules stopped, running; /* noted as stopped; in force now */
	enum closure_state state;
};

static void mode_release(struct mode *m)
{
	closure_release(&m->closure);
	schedules_release(&m->stopped);
	schedules_release(&m->running);
}

static bool any(const struct schedules *s)
{
	return s->n_timers + s->n_tables > 0;
}

static bool look(struct session *s, struct mode *m, struct err *err)
{
	if (!closure_look(s->config, &m->closure, err) ||
	    !schedules_noted(s->config, &m->stopped, err) ||
	    !schedules_find(s->config, &m->running, err)) {
		mode_release(m);
		return false;
	}
	m->state = closure_state(&m->closure);
	if (m->state == CLOSURE_OPEN ? any(&m->stopped) : any(&m->running))
		m->state = CLOSURE_HALF;
	return true;
}

static char *mode_words(const struct mode *m)
{
	AUTO_FREE char *ports = closure_words(&m->closure);
	bool begins = any(&m->running) && m->closure.kernel.closed;
	const struct schedules *s = begins ? &m->running : &m->stopped;

	if (!any(s))
		return xstrdup(ports);

	AUTO_STRBUF struct strbuf out = { 0 };

	text_addf(&out, "%s; %zu timer(s) and %zu table(s) of cron are %s", ports, s->n_timers,
		  s->n_tables, begins ? "not stopped" : "stopped");
	return strbuf_take(&out);
}

static void show(struct session *s, const struct mode *m)
{
	static const char half[] =
		"`plmaint maintenance-mode start` makes it whole, `stop` takes it away.";
	const char *hint = m->state == CLOSURE_HALF ? half : NULL;
	const struct firewall *f = &m->closure.kernel;
	AUTO_FREE char *words = mode_words(m);
	AUTO_FREE char *line = xasprintf("%s: %s\n%s%s", state_word(m->state), words,
					 hint ? hint : "", hint ? "\n" : "");

	EMIT(s->reporter, "maintenance", F_TEXT("state", state_word(m->state)),
	     F_TEXT("message", words), F_TEXT("hint", hint), F_BOOL("closed", f->closed),
	     F_TEXT("ports", f->closed ? f->ports : NULL),
	     F_TEXT("allowed", f->closed ? f->allowed : NULL),
	     F_REAL("left", f->closed && f->seconds > 0 ? f->seconds : NAN),
	     F_INT("timers", m->stopped.n_timers), F_INT("tables", m->stopped.n_tables));
	s->reporter->print(s->reporter->self, line);
}

/* Who cannot look does not know: that is neither on nor off. */
static void show_unknown(struct session *s, const struct err *why)
{
	AUTO_FREE char *line =
		xasprintf("unknown: %s\n%s%s", why->text, why->hint, *why->hint ? "\n" : "");

	EMIT(s->reporter, "maintenance", F_TEXT("state", "unknown"), F_TEXT("message", why->text),
	     F_TEXT("hint", *why->hint ? why->hint : NULL));
	s->reporter->print(s->reporter->self, line);
}

static bool answer(struct session *s, bool agreement, int *exit_status)
{
	struct mode m = { .state = CLOSURE_OPEN };
	struct err why;

	if (!look(s, &m, &why)) {
		show_unknown(s, &why);
		*exit_status = EXIT_UNKNOWN;
		return true;
	}
	show(s, &m);
	if (agreement ? m.state == CLOSURE_HALF : !m.closure.kernel.closed)
		*exit_status = EXIT_FAILED;
	mode_release(&m);
	return true;
}

static bool status(struct session *s, const void *options, int *exit_status, struct err *err)
{
	(void)options;
	(void)err;
	return answer(s, true, exit_status);
}

static bool is_enabled(struct session *s, const void *options, int *exit_status, struct err *err)
{
	(void)options;
	(void)err;
	return answer(s, false, exit_status);
}

const struct command command_maintenance_mode = {
	.name = "maintenance-mode",
	.summary =
		"close Pulp's ports to all but this host while work is done on it, and open them",
	.explain =
		"On, what comes in for the ports of Pulp's services is answered with a reset, so that clients and load balancers "
		"see at once that they must go elsewhere; this host itself gets through, and so do the networks of --allow. "
		"Timers and tables of cron that start work on Pulp are stopped, and those that were are started again by `stop`. "
		"Without --for it stays on until `stop`, also over a reboot. With --for the kernel opens the ports in time, "
		"whatever has become of this program by then, and what was stopped is started.",
	.actions =
		(const struct action[]){
			{ .name = "start",
			  .summary = "turn it on, or change or prolong it",
			  .example = "plmaint maintenance-mode start --for 2h --allow 192.0.2.0/24",
			  .options = start_table,
			  .options_size = sizeof(struct firewall_params),
			  .needs = NEED_ROOT,
			  .flags = ACTION_WRITES,
			  .scenario = start_steps },
			{ .name = "stop",
			  .summary = "turn it off",
			  .example = "plmaint maintenance-mode stop",
			  .needs = NEED_ROOT,
			  .flags = ACTION_WRITES,
			  .scenario = stop_steps },
			{ .name = "status",
			  .summary = "say whether it is on, by the kernel and by what was noted",
			  .example = "plmaint maintenance-mode status",
			  .explain =
				  "Exit 0: on or off, and all agrees; 1: half, of which it says what is missing; "
				  "3: it could not be found out.",
			  .answer = status },
			{ .name = "is-enabled",
			  .summary = "exit 0 while the ports are closed, 1 while they are open",
			  .example = "plmaint maintenance-mode is-enabled",
			  .explain = "Exit 3: it could not be found out.",
			  .answer = is_enabled },
			{ .name = "resume",
			  .summary = "after a reboot, put back what was held",
			  .example = "plmaint maintenance-mode resume",
			  .explain =
				  "The packaged unit plmaint-maintenance-mode does this at each boot.",
			  .needs = NEED_ROOT,
			  .flags = ACTION_WRITES,
			  .scenario = resume_steps },
			{ .name = "await-end",
			  .summary =
				  "wait until the time of --for is over, and start what was stopped",
			  .example = "plmaint maintenance-mode await-end",
			  .explain =
				  "`start --for` runs this in the background, by systemd where that runs.",
			  .needs = NEED_ROOT,
			  .flags = ACTION_WRITES,
			  .scenario = await_steps },
			{ 0 },
		},
};
