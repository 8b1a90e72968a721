/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A row that was set aside is not read again for nothing, but a verdict stands only as long as its
 * ground: the links and artifacts it saw, and the file.  When those have changed the verdict is
 * forgotten, and the row is pending like any other.  What an operator has accepted stays.  Not a
 * procedure itself.
 */
#pragma once
#include "procedures/manifest_job.h"

struct revisit {
	struct pg *db;
	const char *verdicts; /* their table; to read only, what verdicts_source gives */
	const struct pulp_schema *schema;
	const struct storage *storage; /* NULL at detach, whose verdicts are about no file */
	enum pending_kind kind;	       /* LOST, IMAGES (stands for lists too) or DETACH */
	bool refill;
};

bool revisit_forget(const struct revisit *r, struct err *err) MUST_CHECK;
/* The same for a job, before it works; a pause is waited for, a stop is ERR_HELD. */
bool revisit_settle(struct manifest_job *j, const char *label, enum pending_kind kind,
		    struct err *err) MUST_CHECK;
/* Whether there is any, for needed(): reads only, with the probe's session and storage of its own;
 * *any is false without a shared ledger. */
bool revisit_needed(const struct probe *p, const struct pulp_schema *schema,
		    const struct manifest_params *params, enum pending_kind kind, bool *any,
		    struct err *err) MUST_CHECK;
