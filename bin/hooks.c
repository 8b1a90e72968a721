/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hooks.before_run and hooks.after_run. */
#include "bin/hooks.h"

#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/drivers/process.h"

#include <string.h>

enum { MOST_WORDS = 32 };
static const double timeout = 60; /* seconds */

static const char *first_line(struct strbuf *text)
{
	if (!text->len || *text->data == '\n')
		return "it gave no reason";
	text->data[strcspn(text->data, "\n")] = '\0';
	return text->data;
}

/* *status is what it says, 0 where there is no such hook.  status_word: that of the run, or NULL.
 */
static bool ask(const struct session *s, const char *key, const char *command,
		const char *status_word, int *status, struct strbuf *errors, struct err *err)
{
	const char *words = config_get(s->config, key), *argv[MOST_WORDS + 1];
	double since = clock_monotonic();

	*status = 0;
	if (!words)
		return true;
	AUTO_FREE char *copy = xstrdup(words);
	if (!process_split(copy, argv, MOST_WORDS, err))
		return err_wrap(err, "%s", key);
	/* Not PLMAINT_...: those are keys of the configuration, and a hook may run plmaint. */
	AUTO_FREE char *name = xasprintf("HOOK_NAME=%s", strchr(key, '.') + 1);
	AUTO_FREE char *run = xasprintf("HOOK_RUN_ID=%s", s->run_id);
	AUTO_FREE char *what = xasprintf("HOOK_COMMAND=%s", command);
	const char *const more[] = { name, run, what, status_word, NULL };
	const struct process_options o = {
		.argv = argv, .more = more, .timeout = timeout, .errors = errors
	};
	if (!process_run(&o, NULL, status, err))
		return err_wrap(err, "%s", key);
	EMIT(s->reporter, "hook", F_TEXT("name", key), F_TEXT("command", argv[0]),
	     F_INT("exit", *status), F_REAL("seconds", clock_monotonic() - since));
	return true;
}

bool hook_before(const struct session *s, const char *command, struct err *err)
{
	AUTO_STRBUF struct strbuf errors = { 0 };
	int status;
	bool ok = ask(s, "hooks.before_run", command, NULL, &status, &errors, err);

	if (!ok || status != 0) {
		if (ok)
			(void)err_set(err, ERR_STOPPED,
				      "hooks.before_run says no (exit status %d): %.300s", status,
				      first_line(&errors));
		err->code = ERR_STOPPED;
		return err_hint(err,
				"Nothing was begun. Mend what it names, or take it out of %.200s.",
				config_source(s->config, "hooks.before_run"));
	}
	return true;
}

void hook_after(const struct session *s, const char *command, int exit_status)
{
	AUTO_STRBUF struct strbuf errors = { 0 };
	AUTO_FREE char *word = xasprintf("HOOK_EXIT_STATUS=%d", exit_status);
	struct err err;
	int status;

	if (!ask(s, "hooks.after_run", command, word, &status, &errors, &err))
		log_warning("%s", err.text);
	else if (status != 0)
		log_warning("hooks.after_run ended with exit status %d: %s", status,
			    first_line(&errors));
}
