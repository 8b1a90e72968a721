/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that the site has named in its configuration, with what they say shown as they say it.
 */
#pragma once
#include "lib/core/step.h"
#include "lib/drivers/probe.h"

struct configured_command {
	const char *key;	 /* of the configuration */
	const char *label;	 /* of the procedure */
	const char *const *env;	 /* "K=V" beside ours, NULL-terminated; NULL: none */
	void (*tick)(void *arg); /* about twice a second while it runs; may be NULL */
	void *arg;
};
/* Runs it, told as the outcome of a step: anything but exit status 0 is a failure.  ERR_CONFIG when
 * the key is not set. */
bool configured_command_step(const struct actor *a, const struct configured_command *c,
			     struct outcome *out, struct err *err) MUST_CHECK;
