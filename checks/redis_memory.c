/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A Redis that is full does as its policy says.  By noeviction, which is the default, it refuses
 * every write: Pulp's content application then answers requests with errors, and workers that keep
 * their locks there do nothing.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/pulp/cache_flush.h"

#include <stdlib.h>
#include <string.h>

enum { NEARLY_FULL = 90 }; /* percent */

/* "maxmemory:0\r\n" in what INFO has said; 0 where it is not. */
static int64_t number(const char *info, const char *key)
{
	const char *at = strstr(info, key);

	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

static void judge(const char *info, struct outcome *out)
{
	static const char word[] = "\nmaxmemory_policy:";
	const int64_t used = number(info, "\nused_memory:"), most = number(info, "\nmaxmemory:");
	const char *at = strstr(info, word);
	const char *policy = at ? at + sizeof(word) - 1 : "unknown";
	const int len = (int)strcspn(policy, "\r\n");
	const bool refuses = strncmp(policy, "noeviction", (size_t)len) == 0;
	char in_use[32], limit[32];

	text_bytes((double)used, in_use, sizeof(in_use));
	text_bytes((double)most, limit, sizeof(limit));
	if (most == 0) {
		outcome_set(out, RESULT_OK, "Redis uses %s and has no limit", in_use);
		return;
	}
	const bool full = used / NEARLY_FULL >= most / 100;

	outcome_set(out,
		    !refuses ? RESULT_OK
		    : full   ? RESULT_FINDING
			     : RESULT_WARNING,
		    "Redis uses %s of %s, and when it is full: %.*s", in_use, limit, len, policy);
	if (refuses)
		outcome_hint(out, "Set maxmemory-policy to volatile-lru in redis.conf: what Pulp "
				  "caches has an end, locks of its workers have none.");
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_FREE char *info = NULL;
	struct redis *redis = NULL;

	(void)params;
	if (!cache_connect(p->config, &p->place, &redis, err)) {
		if (err->code != ERR_CONNECT && err->code != ERR_TIMEOUT)
			return false;
		outcome_set(out, RESULT_SKIPPED, "Redis does not answer: see redis-ping");
		return true;
	}
	if (!redis) {
		outcome_set(out, RESULT_SKIPPED, "Pulp has no content cache");
		return true;
	}
	bool ok = redis_info(redis, "memory", &info, err);

	redis_close(redis);
	if (ok)
		judge(info, out);
	return ok;
}

const struct check check_redis_memory = {
	.label = "redis-memory",
	.summary = "a content cache that is full makes room and refuses nothing",
	.source = "INFO memory of Redis",
	.explain = "By INFO memory: what is used, maxmemory and maxmemory-policy. Nine tenths of a "
		   "limit with noeviction are a finding.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.needs = NEED_REDIS,
	.run = run,
};
