/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hooks.before_run and hooks.after_run. */
#include "bin/hooks.h"

#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/drivers/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_WORDS = 32, MOST_OUTPUT = 65536 };
static const double timeout = 60; /* seconds */

/* What a hook is told: our environment and these.  Not PLMAINT_...: those are keys of the
 * configuration, and a hook may run plmaint. */
struct hook_env {
	const char **list;
	char *own[4];
	size_t n_own;
};

static void env_add(struct hook_env *e, char *text)
{
	e->own[e->n_own++] = text;
}

static void env_build(struct hook_env *e)
{
	size_t n = 0;

	while (environ[n])
		n++;
	e->list = xcalloc(n + e->n_own + 1, sizeof(*e->list));
	for (size_t i = 0; i < e->n_own; i++)
		e->list[i] = e->own[i];
	memcpy(e->list + e->n_own, environ, n * sizeof(*environ));
}

static void env_release(struct hook_env *e)
{
	for (size_t i = 0; i < e->n_own; i++)
		free(e->own[i]);
	free(e->list);
}

static const char *first_line(struct strbuf *text)
{
	if (!text->len || *text->data == '\n')
		return "it gave no reason";
	text->data[strcspn(text->data, "\n")] = '\0';
	return text->data;
}

/* *asked: there is such a hook, and *status is what it says. */
static bool ask(const struct session *s, const char *key, struct hook_env *env, bool *asked,
		int *status, struct strbuf *errors, struct err *err)
{
	const char *command = config_get(s->config, key), *argv[MOST_WORDS + 1];
	AUTO_STRBUF struct strbuf out = { 0 };
	double since = clock_monotonic();

	*asked = command != NULL;
	if (!command)
		return true;
	AUTO_FREE char *words = xstrdup(command);
	if (!process_split(words, argv, MOST_WORDS, err))
		return err_wrap(err, "%s", key);
	env_add(env, xasprintf("HOOK_NAME=%s", strchr(key, '.') + 1));
	env_build(env);
	const struct process_options o = { .argv = argv,
					   .env = env->list,
					   .timeout = timeout,
					   .max_output = MOST_OUTPUT,
					   .errors = errors };
	if (!process_run(&o, &out, status, err))
		return err_wrap(err, "%s", key);
	EMIT(s->reporter, "hook", F_TEXT("name", key), F_TEXT("command", argv[0]),
	     F_INT("exit", *status), F_REAL("seconds", clock_monotonic() - since));
	return true;
}

bool hook_before(const struct session *s, const char *command, struct err *err)
{
	AUTO_STRBUF struct strbuf errors = { 0 };
	struct hook_env env = { .own = { xasprintf("HOOK_RUN_ID=%s", s->run_id),
					 xasprintf("HOOK_COMMAND=%s", command) },
				.n_own = 2 };
	bool asked, ok;
	int status = 0;

	ok = ask(s, "hooks.before_run", &env, &asked, &status, &errors, err);
	env_release(&env);
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
	struct hook_env env = { .own = { xasprintf("HOOK_RUN_ID=%s", s->run_id),
					 xasprintf("HOOK_COMMAND=%s", command),
					 xasprintf("HOOK_EXIT_STATUS=%d", exit_status) },
				.n_own = 3 };
	struct err err;
	bool asked;
	int status = 0;

	if (!ask(s, "hooks.after_run", &env, &asked, &status, &errors, &err))
		log_warning("%s", err.text);
	else if (status != 0)
		log_warning("hooks.after_run ended with exit status %d: %s", status,
			    first_line(&errors));
	env_release(&env);
}
