/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the configuration in its order: files, environment, --set. */
#pragma once
#include "lib/core/config.h"

/* file NULL: /etc/plmaint/plmaint.conf and conf.d, which may be missing; else that file alone. */
bool config_load(struct config *c, const char *file, char *const *environment, char *const *sets,
		 struct err *err) MUST_CHECK;
