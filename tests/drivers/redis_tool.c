/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands to one Redis, for test_redis.py:
 *	redis_tool TIMEOUT_MS USER PASSWORD_FILE CA_FILE [ping | del PREFIX N | exists PREFIX N]...
 * with the URL in PLMAINT_TEST_URL; "-" is NULL; keys are PREFIX0 to PREFIX<N-1>.  "wait" waits for
 * a line on stdin.  Prints a line for each, and what failed in four: code number, name, text, hint.
 */
#include "lib/core/mem.h"
#include "lib/drivers/redis.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void report(bool ok, size_t count, const struct err *err)
{
	if (ok)
		printf("%zu\n", count);
	else
		printf("failed\n%d\n%s\n%s\n%s\n", err->code, err->native, err->text, err->hint);
	fflush(stdout);
}

static void run_keys(struct redis *r, const char *verb, const char *prefix, size_t n)
{
	char **keys = xcalloc(n + 1, sizeof *keys);
	for (size_t i = 0; i < n; i++)
		keys[i] = xasprintf("%s%zu", prefix, i);
	const char *const *list = (const char *const *)keys;
	struct err err = { 0 };
	size_t count = 0;
	bool ok = verb[0] == 'd' ? redis_delete(r, list, n, &count, &err)
				 : redis_exists(r, list, n, &count, &err);
	report(ok, count, &err);
	for (size_t i = 0; i < n; i++)
		free(keys[i]);
	free(keys);
}

static const char *or_null(const char *arg)
{
	return strcmp(arg, "-") == 0 ? NULL : arg;
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	const struct redis_options o = { .url = getenv("PLMAINT_TEST_URL"),
					 .timeout_ms = (int)strtol(argv[1], NULL, 10),
					 .user = or_null(argv[2]),
					 .password_file = or_null(argv[3]),
					 .ca_file = or_null(argv[4]) };
	struct err err = { 0 };
	struct redis *r = NULL;
	if (!redis_connect(&o, &r, &err)) {
		report(false, 0, &err);
		return 0;
	}
	for (int i = 5; i < argc; i++) {
		if (strcmp(argv[i], "ping") == 0)
			report(redis_ping(r, &err), 0, &err);
		else if (strcmp(argv[i], "wait") == 0)
			(void)getchar();
		else if (i + 2 < argc) {
			run_keys(r, argv[i], argv[i + 1], strtoul(argv[i + 2], NULL, 10));
			i += 2;
		}
	}
	redis_close(r);
	return 0;
}
