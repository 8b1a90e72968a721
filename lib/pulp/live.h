/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is this the database that the Pulp of this host uses, or a copy, a test or a leftover? */
#pragma once
#include "lib/drivers/probe.h"
#include "lib/pulp/schema.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * True: there is reason to doubt it, and text holds one lower case sentence without a stop.
 * Services of Pulp that run here with the same settings file write a heartbeat every few seconds,
 * so a database without a fresh one is not theirs. False also where nothing can be said: no
 * services here, no settings file read, no answer.
 */
bool pulp_live_doubt(struct pg *db, const struct pulp_schema *s, const struct place *place,
		     char *text, size_t size);

/* For the test: is this the content of /proc/PID/cmdline of a service of Pulp? */
bool live_is_service(const char *cmdline, size_t len);
