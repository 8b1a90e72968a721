/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The note: PHASE RUN SINCE TO on one line, blanks between, TO empty or without blanks. */
#include "lib/host/upgrade_note.h"

#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/proc.h"
#include "lib/host/closure.h"

#include <stdlib.h>
#include <string.h>

static const char name[] = "upgrade";
static const char *const words[] = {
	[UPGRADE_CLOSING] = "closing", [UPGRADE_BEGUN] = "begun", [UPGRADE_REPLACED] = "replaced"
};

static bool parse(const char *text, struct upgrade_note *ret)
{
	struct upgrade_note n = { .phase = UPGRADE_NONE };
	char word[16];
	int used = 0;

	if (sscanf(text, "%15s %39s %lf %n", word, n.run, &n.since, &used) < 3 || used == 0)
		return false;
	size_t len = strcspn(text + used, "\n");
	if (len >= sizeof(n.to))
		return false;
	memcpy(n.to, text + used, len);
	for (size_t i = UPGRADE_CLOSING; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i], word) == 0)
			n.phase = (enum upgrade_phase)i;
	*ret = n;
	return n.phase != UPGRADE_NONE;
}

bool upgrade_note_read(const char *state_dir, struct upgrade_note *ret, struct err *err)
{
	char text[256];
	bool found;

	if (!state_read(state_dir, name, text, sizeof(text), &found, err))
		return false;
	if (!found) {
		*ret = (struct upgrade_note){ .phase = UPGRADE_NONE };
		return true;
	}
	if (parse(text, ret))
		return true;
	(void)err_set(err, ERR_DATA, "'%s/%s' is no note of an upgrade", state_dir, name);
	return err_hint(err, "Remove it when no upgrade of this host is under way.");
}

bool upgrade_note_write(const char *state_dir, const struct upgrade_note *note, struct err *err)
{
	if (note->phase == UPGRADE_NONE)
		return state_remove(state_dir, name, err);

	AUTO_FREE char *path = xasprintf("%s/%s", state_dir, name);
	AUTO_FREE char *text =
		xasprintf("%s %s %.3f %s\n", words[note->phase], note->run, note->since, note->to);

	return state_dir_make(state_dir, err) &&
	       fs_write_atomic(path, text, strlen(text), 0640, err);
}

bool upgrade_phase(const struct config *config, enum upgrade_phase *ret, struct err *err)
{
	struct upgrade_note note;

	if (!upgrade_note_read(config_get(config, "general.state_dir"), &note, err))
		return false;
	*ret = note.phase;
	return true;
}

bool upgrade_closure_is_own(const struct config *config, const struct upgrade_note *note)
{
	struct closure now = { .noted = false };
	struct err ignored;

	if (!closure_look(config, &now, &ignored))
		return true;

	bool held = now.noted && now.until <= 0;
	bool before = note->phase == UPGRADE_NONE || now.since < note->since;

	closure_release(&now);
	return !(held && before);
}

static bool carries(pid_t pid, void *arg)
{
	AUTO_FREE char *run = proc_variable(pid, "UPGRADE_RUN_ID");

	return run && strcmp(run, arg) == 0;
}

pid_t upgrade_process(const char *run)
{
	AUTO_FREE char *wanted = xstrdup(run);

	return proc_find(carries, wanted);
}
