/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where Pulp is.  Own configuration first; what is not set there comes from Pulp's settings file:
 * a strict parser for literals, which gives up on any wanted name that is bound twice,
 * conditionally or not by a literal; then Pulp's own `dynaconf ... list --json`, run as the user
 * pulp.  A file that cannot be opened is an error, never a default.
 */
#pragma once
#include "lib/core/config.h"
#include "lib/drivers/probe.h"

/* Fills place from config (database.pulp.*, pulp.*, redis.*) and Pulp's settings.  Texts are owned
 * by place. */
bool pulp_settings_find(const struct config *config, struct place *place,
			struct err *err) MUST_CHECK;
void place_release(struct place *place);
