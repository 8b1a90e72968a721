/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Work that only Pulp itself does right is asked of its REST API (pulp.api_url) and done by its
 * workers as a task, which is waited for.
 */
#pragma once
#include "lib/core/config.h"
#include "lib/core/strbuf.h"

struct api_work {
	const char *path; /* below pulp.api_url: "orphans/cleanup/" */
	const char *body; /* JSON */
	double timeout;	  /* seconds that the task may take */
	/* Told whenever a report of the task has changed; may be NULL. */
	void (*progress)(void *arg, const char *message, long done, long total);
	void *arg;
};
/*
 * Starts it and waits until it has ended.  summary gets its reports: "Clean up orphan Content: 3,
 * ...".  ERR_STOPPED when a stop was asked, ERR_TIMEOUT when the time is over: the task goes on in
 * Pulp.
 */
bool pulp_api_work(const struct config *config, const struct api_work *w, struct strbuf *summary,
		   struct err *err) MUST_CHECK;
