/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answers of `plmaint pre-migrate`, apart from its scenarios. */
#pragma once
#include "lib/core/step.h"

struct quarantine_options {
	char *why;
	int all;
};
extern const struct opt quarantine_options[];
struct stop_options {
	int now;
};
extern const struct opt stop_options[];
struct status_options {
	int watch;
};
extern const struct opt status_options[];
struct estimate_options {
	long sample;
	int no_write;
	char *window;
};
extern const struct opt estimate_options[];

struct pg;
/* Whether a run is open or a program between two of them, and whether anybody is at work. */
bool run_look(struct pg *db, bool *open, bool *alive, struct err *err) MUST_CHECK;

bool pre_migrate_status(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_estimate_check(const void *options, struct err *err);
bool pre_migrate_estimate(struct session *s, const void *options, int *exit_status,
			  struct err *err);
bool pre_migrate_calibration(struct session *s, const void *options, int *exit_status,
			     struct err *err);
bool pre_migrate_wait(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_reset(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_attach(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_pause(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_resume(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_stop(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_tune(struct session *s, const void *options, int *exit_status, struct err *err);
bool pre_migrate_quarantine(struct session *s, const void *options, int *exit_status,
			    struct err *err);
