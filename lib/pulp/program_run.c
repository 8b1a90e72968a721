/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words and environment of Pulp's programs, on this host and in a container. */
#include "lib/pulp/program_run.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/proc.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char settings_name[] = "PULP_SETTINGS=";

static bool is_settings(const char *var)
{
	return strncmp(var, settings_name, sizeof(settings_name) - 1) == 0;
}

/* A list of words that ends with NULL. */
struct list {
	const char **all;
	size_t n;
};

static void push(struct list *l, const char *word)
{
	l->all = xrealloc(l->all, (l->n + 2) * sizeof(*l->all));
	l->all[l->n++] = word;
	l->all[l->n] = NULL;
}

static void push_all(struct list *l, const char *const *words)
{
	while (words && *words)
		push(l, *words++);
}

static bool run_here(const struct pulp_home *h, const char *const *argv,
		     const struct process_options *o, struct strbuf *out, int *ret_status,
		     struct err *err)
{
	AUTO_FREE char *settings = xasprintf("%s%s", settings_name, h->settings_file);
	struct process_options mine = *o;
	struct list env = { .n = 0 };

	push(&env, "PATH=/usr/local/bin:/usr/bin:/bin");
	push(&env, "LANG=C.UTF-8");
	push(&env, "DJANGO_SETTINGS_MODULE=pulpcore.app.settings");
	push(&env, settings);
	for (size_t i = 0; i < h->env->n; i++)
		if (!is_settings(h->env->vars[i]))
			push(&env, h->env->vars[i]);
	mine.argv = argv;
	mine.env = env.all;
	mine.user = config_get(h->config, "pulp.user");
	mine.dir = "/";
	bool ok = process_run(&mine, out, ret_status, err);
	free(env.all);
	return ok;
}

/* Ends a process that bears the mark. */
static bool end_marked(pid_t pid, void *mark)
{
	AUTO_STRBUF struct strbuf env = { 0 };

	if (proc_read(pid, "environ", &env) && memmem(env.data, env.len, mark, strlen(mark)))
		(void)kill(pid, SIGKILL);
	return false;
}

/*
 * What `podman exec` has started outlives it, so it bears a mark.  Values are handed on by their
 * names: words of a command can be seen by everybody, and a password may be among them.
 */
static bool run_contained(const struct pulp_home *h, const char *const *argv,
			  const struct process_options *o, struct strbuf *out, int *ret_status,
			  struct err *err)
{
	AUTO_FREE char *settings = xasprintf("%s%s", settings_name, h->settings_file);
	AUTO_FREE char *mark = xasprintf("PLMAINT_CALL=%d-%.9f", (int)getpid(), clock_wall());
	struct process_options mine = *o;
	struct list words = { .n = 0 }, env = { .n = 0 }, names = { .n = 0 };

	push_all(&words,
		 (const char *const[]){ "podman", "exec", "--workdir", "/", "--user",
					config_get(h->config, "pulp.user"), "--env", mark, "--env",
					settings, "--env", "LANG=C.UTF-8", "--env",
					"DJANGO_SETTINGS_MODULE=pulpcore.app.settings", NULL });
	for (size_t i = 0; i < h->env->n; i++) {
		const char *var = h->env->vars[i];

		if (is_settings(var))
			continue;
		push(&names, xstrndup(var, strcspn(var, "=")));
		push(&env, var);
		push_all(&words, (const char *const[]){ "--env", names.all[names.n - 1], NULL });
	}
	/* Of two that have one name Podman takes the first. */
	push_all(&env, (const char *const *)environ);
	push(&words, h->container);
	push_all(&words, argv);
	mine.argv = words.all;
	mine.env = env.all;
	bool ok = process_run(&mine, out, ret_status, err);
	if (!ok)
		(void)proc_find(end_marked, mark);
	for (size_t i = 0; i < names.n; i++)
		free((char *)(uintptr_t)names.all[i]);
	free(names.all);
	free(words.all);
	free(env.all);
	return ok;
}

bool pulp_home_run(const struct pulp_home *h, const char *const *argv,
		   const struct process_options *o, struct strbuf *out, int *ret_status,
		   struct err *err)
{
	return h->container ? run_contained(h, argv, o, out, ret_status, err)
			    : run_here(h, argv, o, out, ret_status, err);
}
