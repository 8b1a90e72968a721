/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What long work looks at so that Pulp's users feel little of it, as the configuration says. */
#pragma once
#include "lib/drivers/probe.h"
#include "lib/pace/stint.h"
#include "lib/pulp/schema.h"

/* All of throttle.*, and the profile from a key of its own; when somebody is online, the tables and
 * the probe are the caller's to say.  What *ret points at is the configuration's. */
bool site_throttle(const struct actor *a, const char *profile_key, struct throttle_options *ret,
		   struct err *err) MUST_CHECK;
/* The profile that a key names. */
bool site_profile(const struct actor *a, const char *key, enum profile *ret,
		  struct err *err) MUST_CHECK;
/* What the operator named as a brake is obeyed whoever is online. */
bool site_brake_named(const struct throttle_options *o);

/*
 * Of work that copies and reads files and writes nothing to the database: what fills the server's
 * disk is no reason to wait, nor are locks, which nobody waits for on account of it; this host's
 * pressure is one wherever the server is.
 */
struct file_throttle {
	const struct actor *actor;
	struct throttle_options options;
	struct pulp_schema schema;
	bool known; /* the schema is */
};
/*
 * Its keys are PREFIX.profile and PREFIX.duty, which is the most that the throttle may allow.
 * closed: the site is, so that nobody feels it and all wait for it.  *t is borrowed by the stints.
 * Sessions of its own are kept for the next who asks: actor_keep_none() before a database is
 * renamed.
 */
bool file_throttle_open(const struct actor *a, const char *prefix, bool closed,
			struct file_throttle *t, struct stints **ret, struct err *err) MUST_CHECK;
