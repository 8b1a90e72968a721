/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Pulp says of itself: the one answer that goes through the web server, the service api, the
 * database and the cache, as a client's request does.
 */
#include "checks/checks.h"
#include "lib/drivers/json.h"
#include "lib/drivers/probe.h"
#include "lib/host/listeners.h"

static void say_connection(const struct json *status, const char *path, const char *what,
			   struct outcome *out, int *bad)
{
	bool connected;

	if (!json_bool(json_get(status, path), &connected) || connected)
		return;
	outcome_example(out, "it has no connection to its %s", what);
	(*bad)++;
}

static void say_online(const struct json *status, const char *key, const char *what,
		       struct outcome *out, int *bad)
{
	const struct json *online = json_get(status, key);

	if (!online || json_count(online) > 0)
		return;
	outcome_example(out, "it knows of no %s that is online", what);
	(*bad)++;
}

static void say_storage(const struct json *status, struct outcome *out, int *bad)
{
	double total, left;

	/* An object store has no limit and says null. */
	if (!json_real(json_get(status, "storage.total"), &total) ||
	    !json_real(json_get(status, "storage.free"), &left) || total <= 0 ||
	    left / total >= 0.05)
		return;
	outcome_example(out, "it has %.1f %% of its storage left", 100 * left / total);
	(*bad)++;
}

/* The cache may be switched off, and is then said to be not connected. */
static void judge(const struct probe *p, const struct json *status, const char *took,
		  struct outcome *out)
{
	int bad = 0;

	say_connection(status, "database_connection.connected", "database", out, &bad);
	if (p->place.cache_enabled)
		say_connection(status, "redis_connection.connected", "cache", out, &bad);
	say_online(status, "online_workers", "worker", out, &bad);
	say_online(status, "online_content_apps", "service content", out, &bad);
	say_storage(status, out, &bad);
	outcome_count(out, "found", bad);
	if (bad == 0) {
		outcome_set(out, RESULT_OK, "Pulp answers in %s that it is well", took);
		return;
	}
	outcome_set(out, RESULT_FINDING, "Pulp's status names %d trouble(s)", bad);
	outcome_hint(out, "The other checks of services and host tell more of each.");
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_STRBUF struct strbuf body = { 0 };
	struct json *status = NULL;
	struct answer a;

	(void)params;
	if (!listener_ask(p->config, &listener_api, &body, &a, out, err))
		return false;
	if (!a.answered)
		return true;
	if (a.status != 200) {
		outcome_set(out, RESULT_FINDING, "Pulp's status is answered with HTTP %ld",
			    a.status);
		outcome_hint(out, "Look into the journal of pulpcore-api.");
		return true;
	}
	if (!json_parse(body.data, body.len, &status, err))
		return err_wrap(err, "the answer of Pulp's status");
	judge(p, status, a.took, out);
	json_free(status);
	return true;
}

const struct check check_pulp_status = {
	.label = "pulp-status",
	.summary = "Pulp answers, and says that it is well",
	.source = "the status API over HTTP",
	.explain = "Asks throttle.status_url, such as https://HOST/pulp/api/v3/status/, for its "
		   "workers, its connections and its storage; where that is not set the service "
		   "itself, at /run/pulpcore-api.sock or port 24817 of this host.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.needs = NEED_REDIS,
	.run = run,
};
