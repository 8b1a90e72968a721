/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maintenance mode as this host remembers it, in the state directory, beside what the kernel says.
 * The note is written before the kernel is told to close and goes after it was told to open, so a
 * kill between the two leaves a note too many, which is seen, and never a closed port too many that
 * nobody knows of.
 */
#pragma once
#include "lib/core/config.h"
#include "lib/host/firewall.h"

struct closure {
	struct firewall kernel;
	bool noted;
	double since, until; /* clock_wall(); until 0: held until it is ended, also over a reboot */
	char *ports, *allowed; /* as the note has them; owned */
	char *by;	       /* the program that was told to close, by the note, or NULL; owned */
};
void closure_release(struct closure *c);
/* ret is to be released, on success only. */
bool closure_look(const struct config *config, struct closure *ret, struct err *err) MUST_CHECK;

enum closure_state {
	CLOSURE_OPEN,	/* nothing is closed; a note whose time is over may be left */
	CLOSURE_CLOSED, /* the note and the kernel agree */
	CLOSURE_HALF	/* they do not */
};
enum closure_state closure_state(const struct closure *c);
/* The state in a sentence without a stop. */
char *closure_words(const struct closure *c); /* caller frees */

/*
 * Closes the ports in wished to all but this host and what wished allows, for wished->seconds from
 * now, and notes it.  Who has renewed an earlier closure does so no longer.
 */
bool closure_close(const struct config *config, const struct firewall *wished,
		   struct err *err) MUST_CHECK;
bool closure_open(const struct config *config, struct err *err) MUST_CHECK;

/*
 * For a closure with a time: a process of its own renews that time over and over while the caller
 * lives and until the ports are closed anew or opened.  It dies with the caller, and the kernel
 * opens the ports when the time of the last renewal is over: a dead program closes no site.
 */
bool closure_keep(const struct config *config, double seconds, struct err *err) MUST_CHECK;

enum closure_left {
	CLOSURE_LEFT_NOTHING, /* there is no note */
	CLOSURE_LEFT_HELD,    /* closed again as noted */
	CLOSURE_LEFT_TIMED    /* opened: whoever would have ended it in time has not survived */
};
/* After a reboot, which the kernel's own memory does not survive. */
bool closure_resume(const struct config *config, enum closure_left *ret,
		    struct err *err) MUST_CHECK;
/* Whether something will call that: the packaged unit is in place. */
bool closure_survives(void);
