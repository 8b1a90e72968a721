/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pulp's own programs, run as its services are: as the user pulp, with their settings and their
 * environment, and in their container where they have one. */
#pragma once
#include "lib/core/config.h"
#include "lib/drivers/probe.h"
#include "lib/drivers/process.h"
#include "lib/pulp/settings_unit.h"

/*
 * The path of a program that stands beside pulpcore-manager, or of that itself: beside pulp.manager
 * where it is set, else in PATH and where packages put it.  The caller frees it; NULL with err set.
 */
char *pulp_program_find(const struct config *config, const char *name, struct err *err);

/* Where they run, and what they are given.  All is borrowed. */
struct pulp_home {
	const struct config *config;
	const char *container;		    /* NULL: on this host */
	const char *settings_file;	    /* by the name that it has there */
	const struct unit_environment *env; /* of Pulp's services */
};
/* Whether the user of Pulp's programs may read the settings: Pulp would go on without a word when
 * not. */
bool pulp_program_may_read(const struct pulp_home *h, struct err *err) MUST_CHECK;
/*
 * Runs one that stands beside pulpcore-manager, with these words (NULL-terminated).  Of o what is
 * about argv, env, user and dir is not looked at.  One that is ended in a container is so with all
 * that it has started there.
 */
bool pulp_program_run(const struct pulp_home *h, const char *name, const char *const *words,
		      const struct process_options *o, struct strbuf *out, int *ret_status,
		      struct err *err) MUST_CHECK;

struct pulp_manager {
	const char *const *words; /* of the command, NULL-terminated: "datarepair", "7272" */
	const struct place *place;
	double timeout; /* seconds; then it is killed with its children */
	void (*line)(void *arg, const char *text); /* each line at once, both outputs */
	void *arg;
};
/* Runs a command of pulpcore-manager.  *ret_status: its exit status. */
bool pulp_manager_run(const struct config *config, const struct pulp_manager *m, int *ret_status,
		      struct err *err) MUST_CHECK;
