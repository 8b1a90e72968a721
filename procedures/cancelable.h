/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A statement that may take long, ended by the operator's wish to stop or when others need its
 * place. */
#pragma once
#include "lib/drivers/pg.h"

struct cancelable {
	struct pg *db; /* used by a thread until the call returns */
	const char *sql;
	/* Asked ten times a second; *yes: cancel it.  An error cancels it too.  NULL: never. */
	bool (*give_way)(void *arg, bool *yes, struct err *err);
	void *arg;
};
/* *cancelled: a stop was asked or give_way said so, and the statement ended early or late; then
 * its own error is no failure. */
bool cancelable_exec(const struct cancelable *c, bool *cancelled, struct err *err) MUST_CHECK;
