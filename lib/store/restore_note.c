/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The note: PHASE ID SINCE on one line. */
#include "lib/store/restore_note.h"

#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/drivers/fs.h"

#include <string.h>

static const char name[] = "restore";
static const char *const words[] = { [RESTORE_CLOSED] = "closed", [RESTORE_SWAPPED] = "swapped" };

static bool parse(const char *text, struct restore_note *ret)
{
	struct restore_note n = { .phase = RESTORE_NONE };
	char word[16];

	if (sscanf(text, "%15s %16s %lf", word, n.id, &n.since) != 3)
		return false;
	for (size_t i = RESTORE_CLOSED; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i], word) == 0)
			n.phase = (enum restore_phase)i;
	*ret = n;
	return n.phase != RESTORE_NONE;
}

bool restore_note_read(const char *state_dir, struct restore_note *ret, struct err *err)
{
	char text[128];
	bool found;

	if (!state_read(state_dir, name, text, sizeof(text), &found, err))
		return false;
	if (!found) {
		*ret = (struct restore_note){ .phase = RESTORE_NONE };
		return true;
	}
	if (parse(text, ret))
		return true;
	(void)err_set(err, ERR_DATA, "'%s/%s' is no note of a restore", state_dir, name);
	return err_hint(err, "Remove it when no restore of this host is under way.");
}

bool restore_note_write(const char *state_dir, const struct restore_note *note, struct err *err)
{
	if (note->phase == RESTORE_NONE)
		return state_remove(state_dir, name, err);

	AUTO_FREE char *path = xasprintf("%s/%s", state_dir, name);
	AUTO_FREE char *text = xasprintf("%s %s %.3f\n", words[note->phase], note->id, note->since);

	return state_dir_make(state_dir, err) &&
	       fs_write_atomic(path, text, strlen(text), 0640, err);
}
