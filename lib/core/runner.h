/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a scenario: for each step whitelist -> when -> needed -> run -> verify, with wall time,
 * journal, timeout and rescue steps.  The journal makes a killed run resume at its step; needed()
 * makes that safe, since it asks the system.
 */
#pragma once
#include "lib/core/step.h"

struct run_request {
	const char *command, *action; /* names for the journal: "pre-migrate", "run" */
	const struct step *steps;
	const void *options; /* the action's option struct */
	struct session *session;
	const char *state_dir; /* journal and lock live here; NULL: no journal */
	/* Steps that are all checks may be done by so many processes at once (crew.h); 0: by this
	 * one.  What they find is reported in the order of the steps. */
	size_t crew;
	double crew_limit; /* seconds that a check may take then; 0: any time */
	/* Told of every step that has ended, with the exit status that it asks for; may be NULL.
	 * The outcome is released afterwards. */
	void (*ended)(void *arg, const struct step *step, const struct outcome *o, int status);
	void *ended_arg;
};
/* Returns the exit status; every outcome has been reported through the session's reporter. */
int runner_run(const struct run_request *rq);
/* Runs one procedure by hand with params already parsed. */
int runner_procedure(struct session *s, const struct procedure *p, const void *params);
