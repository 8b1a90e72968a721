/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks Pulp's own settings code, where the file alone does not decide. */
#pragma once
#include "lib/drivers/json.h"
#include "lib/pulp/program.h"

/*
 * Runs `dynaconf ... list --json` as the user pulp, with the settings file and the environment of
 * Pulp's services.  *ret: all settings, to be freed with json_free.  What it printed holds secrets
 * and is in no error.
 */
bool settings_dynaconf(const struct pulp_home *home, struct json **ret, struct err *err) MUST_CHECK;
