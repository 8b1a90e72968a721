/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the command backup share. */
#pragma once
#include "lib/core/step.h"
#include "lib/store/manifest.h"
#include "procedures/backup_job.h"

/* The repository that the first word names. */
bool backup_repository(const struct session *s, struct repository **ret,
		       struct err *err) MUST_CHECK;

bool backup_list(struct session *s, const void *options, int *exit_status, struct err *err);

struct verify_options {
	long sample; /* percent */
};
extern const struct opt verify_options_table[];
bool backup_verify(struct session *s, const void *options, int *exit_status, struct err *err);
