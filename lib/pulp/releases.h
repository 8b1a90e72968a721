/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a Pulp that somebody wants to upgrade to can do with this database.  The one place where
 * version numbers decide: the release to come cannot be probed.  Its facts are in releases.def.
 */
#pragma once
#include "lib/core/err.h"
#include "lib/core/options.h"

/* Every check that asks for a target takes it: struct target_params, first and only member. */
struct target_params {
	char *to; /* as written, or NULL: the worst is assumed */
};
extern const struct opt target_params_table[];

enum { RELEASE_UNKNOWN = -1 };
struct release_target {
	char name[64];		   /* "pulp_container 2.29", "the newest Pulp" */
	bool named;		   /* else all facts are those of the worst */
	bool reads_artifacts;	   /* of rows without data: it serves them */
	int level;		   /* its last container migration, or RELEASE_UNKNOWN */
	int core_least, core_most; /* pulpcore 3.x that may come with it */
};
/*
 * text: "2.29", "2.26.15", "3.116" (pulpcore), both with a comma between, or NULL.  What a number
 * leaves open is taken as its worst: 2.26 may be 2.26.0.  ERR_USAGE.
 */
bool release_target_find(const char *text, struct release_target *ret, struct err *err) MUST_CHECK;
