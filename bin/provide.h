/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bringing what steps need: the database, the media. */
#pragma once
#include "lib/batch/listener.h"
#include "lib/core/step.h"
#include "lib/drivers/probe.h"

struct provision {
	struct session session; /* first: session->provide finds the rest by it */
	struct probe probe;
	struct memo memo, columns, backup; /* the probe's */
	struct actor actor;
	bool heeds; /* operators are heard while a statement lasts */
	struct listener listener;
	void (*begun)(void *arg); /* the actor's */
	void *begun_arg;
	char *command; /* the actor's: "pre-migrate run"; owned */
	unsigned met;
	bool looked; /* place is filled, or its needs are unmet */
	struct err unmet_why[NEED_COUNT];
};
/* For session->hold. */
bool provision_hold(struct session *s, const char *label);
void provide(struct session *s, unsigned needs, bool writes);
/* Whoever waits for the run learns how it has ended. */
void provision_tell_end(struct provision *p, int status);
void provision_release(struct provision *p);
