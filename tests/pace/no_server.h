/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A throttle without a server: all that one would say is unknown, and somebody is online. */
#pragma once
#include "lib/pace/throttle.h"

static inline bool nobody_there(void *arg, const char *name, struct pg **ret, struct err *err)
{
	(void)arg;
	(void)ret;
	return err_set(err, ERR_CONNECT, "no server for %s", name);
}

static inline bool somebody_online(void *arg, struct pg *db)
{
	(void)arg;
	return !db;
}
