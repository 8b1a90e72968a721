/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the values of Pulp's settings to what the drivers take.  Pure functions. */
#pragma once
#include "lib/drivers/json.h"
#include "lib/drivers/probe.h"

/* The settings that are looked at; ends with NULL. */
extern const char *const settings_wanted[];

/*
 * all: an object of settings.  What is absent has Pulp's own default, so it must come from a file
 * that was read. Fills every field of place but conninfo_source; texts are owned by place.  source
 * names the file in errors.
 */
bool settings_values(const struct json *all, const char *source, struct place *ret,
		     struct err *err) MUST_CHECK;

/* Adds a password to a connection string of either form, "k=v" or "postgresql://".  Caller frees.
 */
char *conninfo_with_password(const char *conninfo, const char *password);
