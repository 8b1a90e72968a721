/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One GET.  Nothing that listens by default is no trouble: Pulp may be on another host. */
#include "lib/host/listeners.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/http.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const double answer_within = 5.0; /* seconds */

const struct listener listener_api = {
	.key = "throttle.status_url",
	.unix_socket = "/run/pulpcore-api.sock",
	.port = 24817,
	.path = "/pulp/api/v3/status/",
	.hint = "Look whether the web server and pulpcore-api run.",
};
const struct listener listener_content = {
	.key = "throttle.content_url",
	.unix_socket = "/run/pulpcore-content.sock",
	.port = 24816,
	.path = "/pulp/content/",
	.hint = "Look whether the web server and pulpcore-content run.",
};
const struct listener listener_registry = {
	.key = "throttle.status_url",
	.other_path = true,
	.unix_socket = "/run/pulpcore-api.sock",
	.port = 24817,
	.path = "/v2/",
	.hint = "Look whether the web server and pulpcore-api run.",
};

static char *configured_url(const struct listener *l, const char *set)
{
	const char *host = strstr(set, "://");
	size_t server = host ? (size_t)(host + 3 - set) + strcspn(host + 3, "/") : strlen(set);

	return l->other_path ? xasprintf("%.*s%s", (int)server, set, l->path) : xstrdup(set);
}

static bool listens(int port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons((uint16_t)port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval patience = { .tv_sec = 1 }; /* where its queue is full */
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	       connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

bool listener_ask(const struct config *config, const struct listener *l, struct strbuf *body,
		  struct answer *ret, struct outcome *out, struct err *err)
{
	const char *set = config_get(config, l->key);
	struct http_options o = { .timeout = answer_within };
	AUTO_FREE char *url = NULL;

	*ret = (struct answer){ 0 };
	if (set && *set) {
		url = configured_url(l, set);
	} else if (access(l->unix_socket, F_OK) == 0) {
		o.unix_socket = l->unix_socket;
		url = xasprintf("http://localhost%s", l->path);
	} else if (listens(l->port)) {
		url = xasprintf("http://127.0.0.1:%d%s", l->port, l->path);
	} else {
		outcome_set(out, RESULT_SKIPPED, "%s does not say where to ask", l->key);
		return true;
	}
	double began = clock_monotonic();
	if (!http_get(url, &o, body, &ret->status, err)) {
		if (err->code != ERR_CONNECT && err->code != ERR_TIMEOUT)
			return false;
		outcome_set(out, RESULT_FINDING, "%s", err->text);
		outcome_hint(out, "%s", l->hint);
		return true;
	}
	clock_in_words(clock_monotonic() - began, ret->took, sizeof(ret->took));
	ret->answered = true;
	return true;
}
