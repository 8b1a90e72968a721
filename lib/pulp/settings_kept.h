/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where Pulp is, while its containers do not run: a quadlet's is gone once it is stopped, and its
 * settings with it.  Kept in memory (/run), for root alone: there is a password in it.
 */
#pragma once
#include "lib/drivers/probe.h"

/* Before the services are stopped.  Nothing where Pulp is in no container. */
bool settings_keep(const struct place *place, struct err *err) MUST_CHECK;
/* Fills place as it was kept; false: nothing was. */
bool settings_kept(struct place *ret);
/* Once they run again. */
bool settings_forget(struct err *err) MUST_CHECK;
