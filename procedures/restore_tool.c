/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pg_restore as a child, found for the version of the server. */
#include "procedures/restore_tool.h"

#include "lib/core/mem.h"
#include "lib/drivers/pg_tools.h"
#include "lib/drivers/process.h"

#include <string.h>

enum { MOST_WORDS = 16, LISTING_MAX = 16 << 20 };

static bool run(const struct probe *p, const char *conninfo, long server_version,
		const char *const *words, struct strbuf *out, const struct restore_tick *tick,
		struct err *err)
{
	const char *argv[MOST_WORDS + 2];
	AUTO_FREE char *program = NULL;
	AUTO_PG_TOOL_ENV char **env = NULL;
	AUTO_STRBUF struct strbuf errors = { 0 };
	char said[256];
	size_t n = 0;
	long nice;
	int status;

	if (!config_long(p->config, "restore.nice", &nice, err) ||
	    !pg_tool_find(config_get(p->config, "database.programs"), "pg_restore",
			  (int)server_version, &program, err) ||
	    !pg_tool_environment(conninfo, &env, err))
		return false;
	argv[n++] = program;
	for (size_t i = 0; words[i] && n <= MOST_WORDS; i++)
		argv[n++] = words[i];
	argv[n] = NULL;
	const struct process_options o = { .argv = argv,
					   .env = (const char *const *)env,
					   .stoppable = true,
					   .ends_with_us = true,
					   .nice = (int)nice,
					   .max_output = LISTING_MAX,
					   .errors = &errors,
					   .tick = tick->fn,
					   .arg = tick->arg };
	if (!process_run(&o, out, &status, err))
		return false;
	pg_tool_complaint(errors.data ? errors.data : "", said, sizeof(said));
	return status == 0 ||
	       err_set(err, ERR_DATA, "pg_restore ended with exit status %d: %s", status, said);
}

bool restore_tool(const struct probe *p, const char *conninfo, long server_version,
		  const char *const *words, struct strbuf *out, struct err *err)
{
	return run(p, conninfo, server_version, words, out, &(struct restore_tick){ .fn = NULL },
		   err);
}

bool restore_tool_watched(const struct probe *p, const char *conninfo, long server_version,
			  const char *const *words, const struct restore_tick *tick,
			  struct err *err)
{
	return run(p, conninfo, server_version, words, NULL, tick, err);
}
