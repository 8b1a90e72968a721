/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which ports are those of Pulp's services on this host, and which must stay open whatever is
 * asked. */
#pragma once
#include "lib/core/config.h"

/*
 * *ret_ports: 80, 443, Pulp's own defaults, where its services listen now, and
 * maintenance-mode.ports, but none by which somebody comes in to work here; *ret_kept: the ones
 * left out for that.  Words with commas, ascending; caller frees.
 */
bool service_ports(const struct config *c, char **ret_ports, char **ret_kept,
		   struct err *err) MUST_CHECK;
