/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pulp's own programs, run as its services are: as the user pulp, with their settings and the
 * environment of their units. */
#pragma once
#include "lib/core/config.h"
#include "lib/core/strbuf.h"
#include "lib/pulp/settings_unit.h"

/*
 * The path of a program that stands beside pulpcore-manager, or of that itself: beside pulp.manager
 * where it is set, else in PATH and where packages put it.  The caller frees it; NULL with err set.
 */
char *pulp_program_find(const struct config *config, const char *name, struct err *err);
/* Whether the user of Pulp's programs may read the settings: Pulp would go on without a word when
 * not. */
bool pulp_program_may_read(const struct config *config, const char *settings_file,
			   struct err *err) MUST_CHECK;
/* "K=V" for each; borrows from settings and env; the caller frees the array and *ret_owned. */
const char **pulp_program_env(const char *settings_file, const struct unit_environment *env,
			      char **ret_owned);

struct pulp_manager {
	const char *const *words;    /* of the command, NULL-terminated: "datarepair", "7272" */
	const char *settings_source; /* of the place */
	double timeout;		     /* seconds; then it is killed with its children */
	void (*line)(void *arg, const char *text); /* each line at once, both outputs */
	void *arg;
};
/* Runs a command of pulpcore-manager.  *ret_status: its exit status. */
bool pulp_manager_run(const struct config *config, const struct pulp_manager *m, int *ret_status,
		      struct err *err) MUST_CHECK;
