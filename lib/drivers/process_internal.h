/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a child is started, for those that follow it in ways of their own. */
#pragma once
#include "lib/drivers/process.h"
#include <signal.h>
#include <sys/types.h>

/* What the child becomes; prepared by the parent. */
struct process_plan {
	char *path;
	const char *const *argv;
	char **env;
	const char *dir;
	bool change_user;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int n_groups;
	pid_t ends_with;	       /* this process, our own; 0: it may outlive us */
	int nice;		       /* 0: as we are */
	int in;			       /* its stdin */
	int out[2], err[2], failed[2]; /* pipes; failed takes errno when exec does not happen */
	sigset_t mask;		       /* of the parent, before fork */
};
#define PROCESS_PLAN_NONE                                                            \
	{                                                                            \
		.in = -1, .out = { -1, -1 }, .err = { -1, -1 }, .failed = { -1, -1 } \
	}
bool process_prepare(struct process_plan *p, const struct process_options *o,
		     struct err *err) MUST_CHECK;
/* Returns the child's pid once it has become the program; -1 with err otherwise. */
pid_t process_start(struct process_plan *p, struct err *err) MUST_CHECK;
int process_reap(pid_t pid); /* the exit code, or 128 + signal */
void process_plan_release(struct process_plan *p);
#define AUTO_PLAN __attribute__((cleanup(process_plan_release)))
