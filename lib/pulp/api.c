/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One POST, then GETs of the task that it has made. */
#include "lib/pulp/api.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/http.h"
#include "lib/drivers/json.h"

#include <string.h>

static const double poll_seconds = 0.5, answer_within = 30.0;
static const double silent_for = 60.0; /* seconds: as long as its services may take to restart */

static struct http_options options(const struct config *config)
{
	return (struct http_options){ .ca_file = config_get(config, "pulp.api_ca_file"),
				      .cert = config_get(config, "pulp.api_cert_file"),
				      .key = config_get(config, "pulp.api_key_file"),
				      .user = config_get(config, "pulp.api_user"),
				      .password_file = config_get(config, "pulp.api_password_file"),
				      .timeout = answer_within };
}

static bool refused(long code, const struct strbuf *body, struct err *err)
{
	(void)err_set(err,
		      code == 401 || code == 403 ? ERR_DENIED
		      : code >= 500		 ? ERR_CONNECT
						 : ERR_IO,
		      "Pulp's API answers with HTTP %ld: %.200s", code,
		      body->len ? body->data : "");
	return code == 401 || code == 403
		       ? err_hint(err, "Set pulp.api_user and pulp.api_password_file, or "
				       "pulp.api_cert_file and pulp.api_key_file.")
		       : err_hint(err, "Is pulp.api_url right? It ends in /pulp/api/v3/.");
}

/* The path of the task that was made; owned. */
static char *start(const struct config *config, const char *base, const struct api_work *w,
		   struct err *err)
{
	const struct http_options o = options(config);
	AUTO_FREE char *url =
		xasprintf("%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/", w->path);
	AUTO_STRBUF struct strbuf body = { 0 };
	struct json *answer = NULL;
	char *task = NULL;
	long code;

	if (!http_post(url, w->body, &o, &body, &code, err))
		return NULL;
	if (code != 202) {
		(void)refused(code, &body, err);
		return NULL;
	}
	if (!json_parse(body.data, body.len, &answer, err))
		return NULL;
	const char *href = json_text(json_get(answer, "task"));

	if (href && *href == '/')
		task = xstrdup(href);
	else
		(void)err_set(err, ERR_DATA, "Pulp's API names no task in its answer");
	json_free(answer);
	return task;
}

static void tell(const struct json *task, const struct api_work *w, struct strbuf *summary)
{
	const struct json *reports = json_get(task, "progress_reports");

	strbuf_clear(summary);
	for (size_t i = 0; i < json_count(reports); i++) {
		const char *message = json_text(json_get(json_at(reports, i), "message"));
		long done = 0, total = 0;

		(void)json_long(json_get(json_at(reports, i), "done"), &done);
		(void)json_long(json_get(json_at(reports, i), "total"), &total);
		if (!message)
			continue;
		strbuf_addf(summary, "%s%s: %ld", summary->len ? ", " : "", message, done);
		if (w->progress && total > 0)
			w->progress(w->arg, message, done, total);
	}
}

/* *ended: the task has; false and err when it has not ended well. */
static bool judge(const struct json *task, bool *ended, struct err *err)
{
	const char *state = json_text(json_get(task, "state"));
	const char *why = json_text(json_get(task, "error.description"));

	*ended = true;
	if (!state)
		return err_set(err, ERR_DATA, "Pulp's API tells no state of the task");
	if (strcmp(state, "completed") == 0)
		return true;
	if (strcmp(state, "failed") == 0 || strcmp(state, "canceled") == 0 ||
	    strcmp(state, "skipped") == 0)
		return err_set(err, ERR_IO, "Pulp's task has ended as %s%s%s", state,
			       why ? ": " : "", why ? why : "");
	*ended = false;
	return true;
}

static bool look(const struct config *config, const char *url, const struct api_work *w,
		 struct strbuf *summary, bool *ended, struct err *err)
{
	const struct http_options o = options(config);
	AUTO_STRBUF struct strbuf body = { 0 };
	struct json *task = NULL;
	long code;

	if (!http_get(url, &o, &body, &code, err))
		return false;
	if (code != 200)
		return refused(code, &body, err);
	if (!json_parse(body.data, body.len, &task, err))
		return false;
	tell(task, w, summary);
	bool ok = judge(task, ended, err);
	json_free(task);
	return ok;
}

bool pulp_api_work(const struct config *config, const struct api_work *w, struct strbuf *summary,
		   struct err *err)
{
	const char *base = config_get(config, "pulp.api_url");
	bool ended = false;

	if (!base) {
		(void)err_set(err, ERR_CONFIG, "pulp.api_url does not say where Pulp's API is");
		return err_hint(err, "Set it to https://HOST/pulp/api/v3/, and pulp.api_user and "
				     "pulp.api_password_file.");
	}
	AUTO_FREE char *task = start(config, base, w, err);
	if (!task)
		return false;
	const char *host = strstr(base, "://");
	size_t origin = host ? (size_t)(host + 3 - base) + strcspn(host + 3, "/") : 0;
	AUTO_FREE char *url = xasprintf("%.*s%s", (int)origin, base, task);

	double until = clock_monotonic() + w->timeout, heard = clock_monotonic();

	for (;;) {
		bool ok = look(config, url, w, summary, &ended, err);
		double now = clock_monotonic();

		heard = ok ? now : heard;
		if (ended)
			return ok;
		/* Who is asked may be away for a moment; the task is the workers'. */
		if (!ok && ((err->code != ERR_CONNECT && err->code != ERR_TIMEOUT) ||
			    now - heard > silent_for))
			return err_wrap(err, "the task goes on in Pulp: %s", task);
		if (now >= until)
			return err_set(err, ERR_TIMEOUT,
				       "time is over; the task goes on in Pulp: %s", task);
		if (!stop_wait(poll_seconds))
			return err_set(err, ERR_STOPPED, "stopped; the task goes on in Pulp: %s",
				       task);
	}
}
