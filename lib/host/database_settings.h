/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the databases of Foreman and Candlepin are, out of their own settings: database.yml and
 * candlepin.conf.  Strict: what is not the plain form that their installers write is an error and
 * never a guess, since a backup of another database would be none.
 */
#pragma once
#include "lib/core/config.h"

/*
 * The connection string of a feature's database ("foreman", "candlepin"): database.X.conninfo, or
 * what the file database.X.settings says.  *ret is NULL where there is no such file; caller frees,
 * and it may hold a password.
 */
bool database_settings_find(const struct config *config, const char *feature, char **ret,
			    struct err *err) MUST_CHECK;

/* The same of a text; no message quotes it. */
bool foreman_database(const char *text, char **ret, struct err *err) MUST_CHECK;
bool candlepin_database(const char *text, char **ret, struct err *err) MUST_CHECK;
