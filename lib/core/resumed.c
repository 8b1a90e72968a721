/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run goes on with: the journal's word on the last one of the same name. */
#include "lib/core/resumed.h"

#include "lib/core/exit.h"
#include "lib/core/journal.h"
#include "lib/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* What the journal says of the last run of the same scenario. */
struct last_run {
	const char *name;
	char *run, *step, *time;
	bool open;
};

static void look_back(void *arg, const struct journal_line *l)
{
	struct last_run *last = arg;
	const char *value;

	if (strcmp(l->event, "run.start") == 0) {
		value = journal_value(l, "command");
		if (!value || strcmp(value, last->name) != 0)
			return;
		free(last->run);
		free(last->time);
		free(last->step);
		last->run = xstrdup(l->run);
		last->time = xstrdup(l->time);
		last->step = NULL;
		last->open = true;
	} else if (last->run && strcmp(l->run, last->run) == 0) {
		value = journal_value(l, "label");
		if (strcmp(l->event, "step.start") == 0 && value) {
			free(last->step);
			last->step = xstrdup(value);
		}
		value = journal_value(l, "exit");
		if (strcmp(l->event, "run.end") == 0 && value)
			last->open = !journal_value(l, "rolled_back") &&
				     exit_is_resumable((int)strtol(value, NULL, 10));
	}
}

char *resumed_words(const char *state_dir, const char *name)
{
	struct last_run last = { .name = name };
	struct err err;
	size_t damaged;
	char *text = NULL;

	if (journal_read(state_dir, look_back, &last, &damaged, &err) && last.open && last.step)
		text = xasprintf("the run of %s ended in step %s; what is done is not done again",
				 last.time, last.step);
	free(last.run);
	free(last.step);
	free(last.time);
	return text;
}
