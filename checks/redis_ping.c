/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp swallows errors of its cache: without Redis it goes on, slower, and what should have been
 * deleted there is served again when Redis is back.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/pulp/cache_flush.h"

static const double slow = 0.1; /* seconds */

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct redis_options options;
	struct redis *redis = NULL;
	char words[32];

	(void)params;
	cache_options(p->config, &p->place, &options);
	if (!options.url) {
		outcome_set(out, RESULT_SKIPPED, "Pulp has no content cache");
		return true;
	}
	if (!redis_connect(&options, &redis, err)) {
		/* A wrong password is ours to mend; no answer is what was asked for. */
		if (err->code != ERR_CONNECT && err->code != ERR_TIMEOUT)
			return false;
		outcome_set(out, RESULT_FINDING, "%s", err->text);
		outcome_hint(out, "Start Redis, or name the cache that Pulp uses in redis.url.");
		return true;
	}
	double began = clock_monotonic();
	bool ok = redis_ping(redis, err);
	double took = clock_monotonic() - began;
	redis_close(redis);
	if (!ok)
		return false;
	clock_in_words(took, words, sizeof(words));
	outcome_set(out, took < slow ? RESULT_OK : RESULT_WARNING, "Redis answers in %s", words);
	if (took >= slow)
		outcome_hint(out, "Every request to the registry waits for it: look at the host "
				  "and the network.");
	return true;
}

const struct check check_redis_ping = {
	.label = "redis-ping",
	.summary = "Pulp's content cache answers",
	.source = "PING of Redis",
	.explain = "A PING over the connection that Pulp's settings name. More than 100 ms is a "
		   "warning.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.needs = NEED_REDIS,
	.run = run,
};
