/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far an upgrade of this host has come, in a file of the state directory that is durable before
 * the step that it is about.  It decides what a later run does, and who may open the site again.
 */
#pragma once
#include "lib/core/config.h"
#include <stddef.h>
#include <sys/types.h>

enum upgrade_phase {
	UPGRADE_NONE,	 /* no note */
	UPGRADE_CLOSING, /* the site is being closed, or closed; nothing of Pulp's was replaced */
	UPGRADE_BEGUN,	 /* the upgrade command has been started: there is no way back */
	UPGRADE_REPLACED /* it has ended well; the site is still closed */
};
struct upgrade_note {
	enum upgrade_phase phase;
	char run[40]; /* id of the program that has started the command */
	char to[64];  /* the release, as --to had it; "": none was named */
	double since; /* clock_wall() when the site was closed */
};
/* No file is UPGRADE_NONE.  ERR_DATA: something else wrote there. */
bool upgrade_note_read(const char *state_dir, struct upgrade_note *ret, struct err *err) MUST_CHECK;
/* Atomic and durable; UPGRADE_NONE takes the file away. */
bool upgrade_note_write(const char *state_dir, const struct upgrade_note *note,
			struct err *err) MUST_CHECK;

/* The phase alone, for who asks no more. */
bool upgrade_phase(const struct config *config, enum upgrade_phase *ret,
		   struct err *err) MUST_CHECK;
/*
 * Whether maintenance mode is the upgrade's own, to begin and to end.  Not so is one that was held
 * before the upgrade began: its operator ends it.  Where it cannot be found out it is: the steps
 * that close say why they cannot.
 */
bool upgrade_closure_is_own(const struct config *config, const struct upgrade_note *note);

/* Every process that the upgrade command starts has UPGRADE_RUN_ID=run in its environment: one that
 * outlived the program that started it is found by that.  0: none that may be seen. */
pid_t upgrade_process(const char *run);
