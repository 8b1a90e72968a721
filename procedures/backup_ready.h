/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters of backup-ready: those of the steps that it looks ahead to. */
#pragma once
#include "procedures/backup_config.h"
#include "procedures/backup_job.h"

struct backup_ready_params {
	struct backup_params backup;
	struct backup_config_params config; /* but for its directory */
};
