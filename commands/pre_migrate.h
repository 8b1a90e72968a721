/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answers of `plmaint pre-migrate`, apart from its scenarios. */
#pragma once
#include "lib/core/step.h"

struct quarantine_options {
	char *why;
	int all;
};
extern const struct opt quarantine_options[];

bool pre_migrate_status(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_wait(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_reset(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_quarantine(struct session *s, const void *options, int *exit_status,
			    struct err *err);
