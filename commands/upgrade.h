/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The halves of `plmaint upgrade`: the gate, and the upgrade itself in upgrade_run.c. */
#pragma once
#include "lib/core/step.h"
#include "lib/host/upgrade_note.h"
#include "lib/pulp/releases.h"
#include "procedures/pulp_upgrade_estimate.h"

struct upgrade_options {
	struct target_params target;
	struct downtime_params downtime;
	/* Of `run`, found by upgrade_prepare. */
	const char *state_dir;	  /* borrowed from the configuration */
	enum upgrade_phase phase; /* when this run began */
	bool own_commands;     /* the site stops and starts its services by commands of its own */
	const char *left_open; /* why the ports are not this upgrade's to close; NULL: they are */
	bool has_status;       /* Pulp's status can be asked at a configured place */
};
extern const struct opt upgrade_options_table[];
extern const struct step upgrade_run_steps[];

bool upgrade_prepare(const struct session *s, void *options, struct err *err);

void upgrade_bind_target(const void *options, void *params);
bool upgrade_when_units(const void *options, const char **why);
bool upgrade_when_paths_count(const void *options, const char **why);
bool upgrade_when_signatures_count(const void *options, const char **why);
