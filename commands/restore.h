/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of `plmaint restore`: the run itself in restore_run.c, and what it shares with the ways
 * out of it, finish and revert. */
#pragma once
#include "lib/core/step.h"
#include "lib/store/manifest.h"
#include "lib/store/restore_note.h"
#include "procedures/restore_finish.h"
#include "procedures/restore_job.h"

#include <limits.h>

struct restore_options {
	char *as_of;
	int check_only;
	int checksum;
	struct restore_finish_params finish;
	/* Found by prepare. */
	struct restore_params backup;
	char id[BACKUP_ID_SIZE];
	char path[PATH_MAX];   /* of the backup; "": not known */
	char config[PATH_MAX]; /* where its configuration is unpacked */
	char key[PATH_MAX];    /* where its host had Pulp's key; "": not known */
	const char *state_dir; /* borrowed from the configuration */
	bool own_commands;     /* the site stops and starts its services by commands of its own */
	bool restored;	       /* when this run began */
	bool nothing;	       /* to go back to, and no restore has closed the site */
};
extern const struct opt restore_run_options[];
extern const struct step restore_run_steps[];

/* Of every action; restore_prepare_run also chooses the backup. */
bool restore_prepare(const struct session *s, void *options, struct err *err) MUST_CHECK;
bool restore_prepare_run(const struct session *s, void *options, struct err *err) MUST_CHECK;

/* Conditions of steps. */
bool restore_noted(const void *options, enum restore_phase phase);
bool restore_own(const void *options, const char **why);
bool restore_units(const void *options, const char **why);
bool restore_may_reopen(const void *options, const char **why);
bool restore_when_own_reopen(const void *options, const char **why);
bool restore_when_units_reopen(const void *options, const char **why);

void restore_bind_services(const void *options, void *params);
