/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The services of this host as the procedures that stop and start them need them: found with what
 * Pulp's database and settings say, moved in their order, and asked in their own protocols whether
 * they are there.
 */
#pragma once
#include "lib/core/step.h"
#include "lib/drivers/probe.h"
#include "lib/host/services.h"

/* Params of the procedures, and first of the options of the commands. */
struct service_choice {
	char *only, *exclude;
};
#define SERVICE_CHOICE_OPTIONS                                                    \
	{ .name = "only",                                                         \
	  .kind = OPT_TEXT,                                                       \
	  .offset = offsetof(struct service_choice, only),                        \
	  .arg = "A,B",                                                           \
	  .help = "only these: features, units or patterns of units" },           \
	{                                                                         \
		.name = "exclude", .kind = OPT_TEXT,                              \
		.offset = offsetof(struct service_choice, exclude), .arg = "A,B", \
		.help = "all but these"                                           \
	}
extern const struct opt service_choice_table[];

struct service_set {
	struct place place; /* the probe's, or what Pulp's settings say; owned */
	struct services services;
	bool enabled_too; /* a start is for those that start with the host, too */
	char *cautions;	  /* what could not be found out, in words; NULL: nothing */
};
/* Works without a database and without Pulp's settings: names are left then. */
bool service_set_find(const struct probe *p, const struct service_choice *choice,
		      struct service_set *ret, struct err *err) MUST_CHECK;
void service_set_release(struct service_set *s);
#define AUTO_SERVICE_SET __attribute__((cleanup(service_set_release)))

/* Whether the feature answers in its own protocol.  *why says what it answered, or what is asked
 * for; RESULT_SKIPPED: there is no way to ask. */
enum result service_set_answers(const struct probe *p, const struct service_set *s,
				const char *feature, char *why, size_t size);

/*
 * Stops the chosen ones that run and remembers them; starts those that were remembered, or where
 * none is, those that are enabled.  The outcome is filled either way.  The actor has the host's
 * lock.
 */
bool service_set_stop(struct actor *a, struct service_set *s, struct outcome *out,
		      struct err *err) MUST_CHECK;
bool service_set_start(struct actor *a, struct service_set *s, struct outcome *out,
		       struct err *err) MUST_CHECK;
/* Which of the chosen ones a start is for. */
void service_set_wanted(const struct service_set *s, struct names *ret);
