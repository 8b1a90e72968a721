/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The services of Pulp that answer HTTP, asked where the configuration says or where they listen on
 * this host by default. */
#pragma once
#include "lib/core/step.h"
#include "lib/core/strbuf.h"

struct listener {
	const char *key;	 /* of the configuration: a URL of it */
	bool other_path;	 /* only the URL's server counts: path is asked there, too */
	const char *unix_socket; /* where Katello's installer puts it */
	int port;		 /* of localhost: upstream's default */
	const char *path;	 /* asked there: "/pulp/api/v3/status/" */
	const char *hint;	 /* when it does not answer */
};
extern const struct listener listener_api, listener_content, listener_registry;

struct answer {
	bool answered; /* else the outcome is set: skipped or a finding */
	long status;
	char took[32]; /* in words */
};
/* The body is added where it answered.  False: could not find out. */
bool listener_ask(const struct config *config, const struct listener *l, struct strbuf *body,
		  struct answer *ret, struct outcome *out, struct err *err) MUST_CHECK;
