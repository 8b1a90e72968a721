/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `plmaint restore`: a backup takes the place of what is in use (restore_run.c), and either what it
 * has left is dropped, or it is taken back.  The server's databases say how far it is, so a kill at
 * any place is no more than a pause.
 */
#include "commands/restore.h"
#include "commands/commands.h"
#include "procedures/procedures.h"
#include "procedures/service_set.h"

static const struct opt finish_options[] = {
	RESTORE_FINISH_ROWS(struct restore_options, finish.destroy), OPTS_END
};

bool restore_prepare(const struct session *s, void *options, struct err *err)
{
	struct restore_options *o = options;
	const struct config *c = s->config;
	bool stop = config_get(c, "upgrade.stop_command"),
	     start = config_get(c, "upgrade.start_command");

	o->state_dir = config_get(c, "general.state_dir");
	o->own_commands = stop || start;
	return stop == start ||
	       err_set(err, ERR_CONFIG, "upgrade.%s_command is not set, and its counterpart is",
		       stop ? "start" : "stop");
}

/* Of a server that does not answer the steps tell. */
static bool prepare_revert(const struct session *s, void *options, struct err *err)
{
	__attribute__((cleanup(outcome_release))) struct outcome why = { .result = RESULT_OK };
	struct restore_options *o = options;
	struct restore_note note;
	struct err ignored;
	bool any;

	if (!restore_prepare(s, options, err) || !restore_note_read(o->state_dir, &note, err))
		return false;
	o->nothing = note.phase == RESTORE_NONE &&
		     (s->probe->place.conninfo || config_get(s->config, "restore.conninfo")) &&
		     procedure_restore_revert.needed(s->probe, NULL, &any, &why, &ignored) && !any;
	return true;
}

static bool prepare_finish(const struct session *s, void *options, struct err *err)
{
	struct restore_options *o = options;
	struct restore_note note;

	if (!restore_prepare(s, options, err) || !restore_note_read(o->state_dir, &note, err))
		return false;
	if (note.phase == RESTORE_NONE)
		return true;
	(void)err_set(err, ERR_USAGE, "a restore has closed the site and is not done");
	return err_hint(err, "`plmaint restore run` goes on with it, `plmaint restore revert` goes "
			     "back.");
}

bool restore_own(const void *options, const char **why)
{
	*why = "upgrade.stop_command and upgrade.start_command are not set";
	return ((const struct restore_options *)options)->own_commands;
}

bool restore_units(const void *options, const char **why)
{
	*why = "upgrade.stop_command and upgrade.start_command do it";
	return !((const struct restore_options *)options)->own_commands;
}

bool restore_noted(const void *options, enum restore_phase phase)
{
	struct restore_note note;
	struct err ignored;

	return restore_note_read(((const struct restore_options *)options)->state_dir, &note,
				 &ignored) &&
	       note.phase == phase;
}

bool restore_may_reopen(const void *options, const char **why)
{
	*why = restore_noted(options, RESTORE_NONE) ? "nothing was closed"
						    : "the restored databases may be in use";
	return restore_noted(options, RESTORE_CLOSED);
}

bool restore_when_own_reopen(const void *options, const char **why)
{
	return restore_may_reopen(options, why) && restore_own(options, why);
}

bool restore_when_units_reopen(const void *options, const char **why)
{
	return restore_may_reopen(options, why) && restore_units(options, why);
}

/* The database has to answer, and what is cached has to go. */
void restore_bind_services(const void *options, void *params)
{
	static char needed[] = "postgresql,redis";

	(void)options;
	((struct service_choice *)params)->exclude = needed;
}

/* Nobody's services are stopped for nothing. */
static bool reverts(const void *options, const char **why)
{
	*why = "no database of before a restore is there";
	return !((const struct restore_options *)options)->nothing;
}

static bool when_own_revert(const void *options, const char **why)
{
	return reverts(options, why) && restore_own(options, why);
}

static bool when_units_revert(const void *options, const char **why)
{
	return reverts(options, why) && restore_units(options, why);
}

static void bind_finish(const void *options, void *params)
{
	*(struct restore_finish_params *)params = ((const struct restore_options *)options)->finish;
}

static const struct step revert_steps[] = {
	{ .procedure = &procedure_restore_begin,
	  .when = reverts,
	  .why = "from here on this run is bound to open the site again",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_pulp_upgrade_stop,
	  .when = when_own_revert,
	  .why = "a database in use keeps its name",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_services_stop,
	  .when = when_units_revert,
	  .bind = restore_bind_services,
	  .why = "a database in use keeps its name",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_restore_revert,
	  .why = "the one moment of it",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_restore_cache,
	  .when = reverts,
	  .why = "answers of before must not stay cached",
	  .flags = STEP_FAIL_SLOW },
	{ .procedure = &procedure_restore_start, .when = when_own_revert, .why = "the site opens" },
	{ .procedure = &procedure_services_start,
	  .when = when_units_revert,
	  .bind = restore_bind_services,
	  .why = "the site opens, and is waited for" },
	{ .procedure = &procedure_restore_end, .when = reverts, .why = "the site is open" },

	{ .procedure = &procedure_restore_start,
	  .when = restore_when_own_reopen,
	  .why = "the site comes back as it was",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_services_start,
	  .when = restore_when_units_reopen,
	  .bind = restore_bind_services,
	  .why = "the site comes back as it was",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_restore_end,
	  .when = restore_may_reopen,
	  .why = "the site is as it was",
	  .flags = STEP_RESCUE },
	STEPS_END
};

const struct command command_restore = {
	.name = "restore",
	.summary = "bring a backup back without destroying what is there",
	.explain =
		"A backup is proven first, then loaded into new databases while the site works on; only the files that are missing "
		"are copied. The site stands still for as long as its services stop and start. The databases of before stay until "
		"`restore finish`.",
	.actions =
		(const struct action[]){
			{ .name = "run",
			  .summary = "prove a backup, load it, and put it in the place of what is "
				     "there",
			  .example = "plmaint restore run /backup --check-only",
			  .explain =
				  "DIR is the directory of `backup`. Every file is held against its sha256, every dump is read to its end, and "
				  "host, versions, server and room are looked at; --check-only ends there. Then the dumps are loaded under new "
				  "names, missing files come back and the configuration is unpacked below the state directory, the services stop, the databases change names, the services start and are "
				  "looked at. Until the names are changed a failure, Ctrl-C too, leaves the site as it was; after a kill or a "
				  "reboot the same command goes on.",
			  .operands = "DIR",
			  .options = restore_run_options,
			  .options_size = sizeof(struct restore_options),
			  .prepare = restore_prepare_run,
			  .needs = NEED_SETTINGS,
			  .flags = ACTION_WRITES,
			  .scenario = restore_run_steps },
			{ .name = "finish",
			  .summary = "drop the databases that a restore has left",
			  .example = "plmaint restore finish --yes-destroy "
				     "pulp_before_20260102T030405Z",
			  .explain = "Says what a restore has left, and drops what is named. There "
				     "is no way back afterwards.",
			  .options = finish_options,
			  .options_size = sizeof(struct restore_options),
			  .prepare = prepare_finish,
			  .flags = ACTION_WRITES,
			  .scenario =
				  (const struct step[]){
					  { .procedure = &procedure_restore_finish,
					    .bind = bind_finish,
					    .why = "asked for" },
					  STEPS_END,
				  } },
			{ .name = "revert",
			  .summary = "go back to the databases of before a restore",
			  .example = "plmaint restore revert",
			  .explain =
				  "Stops the services, gives the databases of before their names "
				  "back, starts the services. What was pushed since the restore is in the restored databases, which stay as "
				  "NAME_restore_ID.",
			  .options_size = sizeof(struct restore_options),
			  .prepare = prepare_revert,
			  .needs = NEED_SETTINGS,
			  .flags = ACTION_WRITES,
			  .scenario = revert_steps },
			{ 0 },
		},
};
