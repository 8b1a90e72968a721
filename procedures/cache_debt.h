/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the content cache is owed.  Which ranges have changed is recorded in the batch transaction;
 * here that is resolved to repositories, and paid by deleting the keys of their distributions.
 * A killed run leaves the debt in the ledger, and the next run pays it.  Not a procedure itself.
 */
#pragma once
#include "procedures/manifest_job.h"

/* Turns debts of ranges into debts of repositories; with_detach adds what the coming detach will
 * unlink. */
bool cache_debt_resolve(struct manifest_job *j, bool with_detach, struct err *err) MUST_CHECK;
/* The same; a pause is waited for, a stop is ERR_HELD and leaves the debt. */
bool cache_debt_find(struct manifest_job *j, const char *label, bool with_detach,
		     struct err *err) MUST_CHECK;
/* Deletes the keys.  keep: the debt stays, since more is to come.  *flushed: keys that existed.
 * ERR_CONNECT when Redis is down. */
bool cache_debt_pay(struct manifest_job *j, bool keep, size_t *flushed, struct err *err) MUST_CHECK;
/* Whether anything is owed; reads only. */
bool cache_debt_any(struct pg *db, const struct config *c, bool *any, struct err *err) MUST_CHECK;
/* Where the ledger cannot remember what is owed the state directory remembers that all is: in
 * single-worker mode, whose temporary tables forget, and for changes that no range stands for. */
bool cache_debt_mark_all(const struct config *c, struct err *err) MUST_CHECK;
