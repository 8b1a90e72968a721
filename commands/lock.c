/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host lock: who holds it, and taking it away from what is left of a dead run. */
#include "lib/core/lock.h"

#include "commands/commands.h"
#include "lib/core/mem.h"
#include "lib/report/ask.h"

static const char *state_word(enum lock_state state)
{
	return state == LOCK_FREE ? "free" : state == LOCK_HELD ? "held" : "stale";
}

static void show(struct session *s, enum lock_state state, const struct lock_owner *o)
{
	struct field fields[6] = { F_TEXT("state", state_word(state)) };
	char text[256];

	lock_explain(state, o, text, sizeof(text));
	fields[1] = (struct field)F_TEXT("message", text);
	if (o->pid) {
		fields[2] = (struct field)F_INT("pid", o->pid);
		fields[3] = (struct field)F_TEXT("command", o->command);
		fields[4] = (struct field)F_TEXT("since", o->since);
	}
	emit(s->reporter, "lock", fields);

	AUTO_FREE char *line = xasprintf("%s: %s\n", state_word(state), text);

	s->reporter->print(s->reporter->self, line);
}

static bool status(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const char *dir = config_get(s->config, "general.state_dir");
	struct lock_owner owner;
	enum lock_state state;

	(void)options;
	(void)exit_status;
	if (!lock_look(dir, &state, &owner, err))
		return false;
	show(s, state, &owner);
	return true;
}

static bool take_away(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const char *dir = config_get(s->config, "general.state_dir");
	struct lock_owner owner;
	enum lock_state state;
	char text[256];

	(void)options;
	(void)exit_status;
	if (!lock_look(dir, &state, &owner, err))
		return false;
	lock_explain(state, &owner, text, sizeof(text));
	if (state == LOCK_HELD && !s->force) {
		(void)err_set(err, ERR_LOCKED, "the holder is alive: %s", text);
		return err_hint(err, "End that process first; --force breaks the lock under it.");
	}
	if (state != LOCK_FREE && !ask_yes(s, err, "Break the lock? %s.", text))
		return false;
	if (!lock_break(dir, err))
		return false;
	show(s, LOCK_FREE, &(struct lock_owner){ 0 });
	return true;
}

const struct command command_lock = {
	.name = "lock",
	.summary = "look at the lock of this host, or break a stale one",
	.explain = "Who keeps something in files of this host takes its lock, one at a time: a "
		   "migration that may not make its ledger in the database and remembers in the "
		   "state directory. The kernel releases it when its process ends, however it "
		   "ends; breaking is for the rare case that a child process still holds it. "
		   "Migrations with a ledger are coordinated there and need no host lock.",
	.actions =
		(const struct action[]){
			{ .name = "status",
			  .summary = "say who holds the lock",
			  .example = "plmaint lock status",
			  .answer = status },
			{ .name = "break",
			  .summary = "take a stale lock away",
			  .example = "plmaint lock break --assumeyes",
			  .flags = ACTION_WRITES,
			  .answer = take_away },
			{ 0 },
		},
};
