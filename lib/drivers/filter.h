/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child process through which bytes go: age, gpg. */
#pragma once
#include "lib/drivers/process.h"
#include "lib/drivers/stream.h"

struct filter;
/* argv, env, user and dir of the options count.  Secrets belong into none of them. */
bool filter_start(const struct process_options *o, struct filter **ret, struct err *err) MUST_CHECK;
/* Ends it, by force where it still runs; NULL is fine. */
void filter_free(struct filter *f);

/* Pushing: what is put goes in, what comes out goes to `to`.  Call filter_end after the last. */
struct sink filter_sink(struct filter *f, struct sink to);
/* No more comes; waits for the rest and for its end.  ERR_DATA with its last words when it fails.
 */
bool filter_end(struct filter *f, struct err *err) MUST_CHECK;

/* Pulling: what `from` gives goes in; the end comes only once the child has ended well. */
struct source filter_source(struct filter *f, struct source from);
