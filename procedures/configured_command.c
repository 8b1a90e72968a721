/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the words of a key without a shell. */
#include "procedures/configured_command.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/process.h"

#include <string.h>

enum { MOST_WORDS = 64 };

struct talk {
	const struct actor *actor;
	const struct configured_command *command;
	char *last; /* 256 bytes */
};

static void say(void *arg, const char *text)
{
	const struct talk *t = arg;

	if (*text) /* what it ends with, for the outcome */
		snprintf(t->last, 256, "%s", text);
	AUTO_FREE char *line = xasprintf("  | %s\n", text);
	EMIT(t->actor->reporter, "output", F_TEXT("label", t->command->label),
	     F_TEXT("line", text));
	t->actor->reporter->print(t->actor->reporter->self, line);
}

static void tick(void *arg)
{
	const struct talk *t = arg;

	if (t->command->tick)
		t->command->tick(t->command->arg);
}

/* *ret_status: its exit status, or 128 + signal; last gets the last line that it printed. */
static bool run(const struct actor *a, const struct configured_command *c, int *ret_status,
		char last[256], struct err *err)
{
	const char *words = config_get(a->look->config, c->key), *argv[MOST_WORDS + 1];
	struct talk talk = { a, c, last };

	last[0] = '\0';
	if (!words)
		return err_set(err, ERR_CONFIG, "%s is not set", c->key);
	AUTO_FREE char *copy = xstrdup(words);
	if (!process_split(copy, argv, MOST_WORDS, err))
		return err_wrap(err, "%s", c->key);
	const struct process_options o = { .argv = argv,
					   .more = c->env,
					   .line = say,
					   .tick = c->tick ? tick : NULL,
					   .arg = &talk };
	return process_run(&o, NULL, ret_status, err) || err_wrap(err, "%s", c->key);
}

bool configured_command_step(const struct actor *a, const struct configured_command *c,
			     struct outcome *out, struct err *err)
{
	double since = clock_monotonic();
	char last[256], took[32];
	int status;

	if (!run(a, c, &status, last, err))
		return false;
	clock_in_words(clock_monotonic() - since, took, sizeof(took));
	if (status == 0) {
		outcome_set(out, RESULT_OK, "%s ended after %s", c->key, took);
		return true;
	}
	outcome_set(out, RESULT_FAILED, "%s ended with exit status %d: %s", c->key, status,
		    *last ? last : "it said nothing");
	return true;
}
