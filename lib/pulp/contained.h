/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pulp whose services run in containers of Podman on this host. */
#pragma once
#include "lib/pulp/settings_unit.h"
#include <sys/types.h>

struct contained {
	pid_t pid; /* of one of its services, which all have the same files; 0: there is none */
	char *id;  /* of the container of that process, the first twelve digits; owned */
};
/* Costs nothing where root's Podman has not run since the host was started. */
void contained_find(struct contained *ret);
void contained_release(struct contained *c);
#define AUTO_CONTAINED __attribute__((cleanup(contained_release)))

/* The container of a service of Pulp that somebody else keeps, as "container c0ffee012345 of
 * Docker"; NULL: there is none.  Caller frees. */
char *contained_elsewhere(void);

/* The environment of that process, as far as it is Pulp's; where there is none, of Pulp's units. */
void contained_environment(const struct contained *c, struct unit_environment *env);
