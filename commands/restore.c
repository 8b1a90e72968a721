/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `plmaint restore`: proves a backup, loads it beside what is in use, and changes names in one
 * moment.  Until then every failure leaves the site as it was; afterwards the same command goes on,
 * or `revert` goes back.  The server's databases say how far it is, so a kill at any place is no
 * more than a pause.
 */
#include "commands/commands.h"
#include "lib/core/mem.h"
#include "lib/store/restore_note.h"
#include "procedures/procedures.h"
#include "procedures/restore_config.h"
#include "procedures/restore_finish.h"
#include "procedures/restore_job.h"
#include "procedures/restore_key.h"
#include "procedures/service_set.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct restore_options {
	char *as_of;
	int check_only;
	struct restore_finish_params finish;
	/* Found by prepare. */
	struct restore_params backup;
	char id[BACKUP_ID_SIZE];
	char path[PATH_MAX];   /* of the backup; "": not known */
	char config[PATH_MAX]; /* where its configuration is unpacked */
	char key[PATH_MAX];    /* where its host had Pulp's key; "": not known */
	const char *state_dir; /* borrowed from the configuration */
	bool own_commands;     /* the site stops and starts its services by commands of its own */
	bool restored;	       /* when this run began */
	bool nothing;	       /* to go back to, and no restore has closed the site */
};

static const struct opt run_options[] = {
	{ .name = "as-of",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct restore_options, as_of),
	  .arg = "ID",
	  .help = "the backup, as `backup list` shows it; not given: the newest that is whole" },
	{ .name = "check-only",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct restore_options, check_only),
	  .help = "end after the checks; nothing is touched" },
	{ .name = "dry-run",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct restore_options, check_only),
	  .help = "the same, as foreman-maintain calls it" },
	OPTS_END,
};
static const struct opt finish_options[] = {
	RESTORE_FINISH_ROWS(struct restore_options, finish.destroy), OPTS_END
};

static bool prepare(const struct session *s, void *options, struct err *err)
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

/* A manifest that is there and cannot be read is told by the steps. */
static bool find_key(struct restore_options *o, const struct repository *r, struct err *err)
{
	AUTO_BACKUP_MANIFEST struct backup_manifest m = { 0 };

	if (!backup_manifest_read(r, o->backup.id, &m, err))
		return err->code != ERR_NOT_FOUND;
	if (m.encryption_key)
		(void)snprintf(o->key, sizeof(o->key), "%s", m.encryption_key);
	return true;
}

static bool choose(struct restore_options *o, const char *dir, struct err *err)
{
	struct repository *r = NULL;

	if (o->as_of && !backup_id_valid(o->as_of)) {
		(void)err_set(err, ERR_USAGE, "--as-of: '%s' is no backup", o->as_of);
		return err_hint(err, "`plmaint backup list %s` shows them.", dir);
	}
	o->backup.dir = (char *)(uintptr_t)dir;
	o->backup.id = o->as_of;
	if (!repository_open(dir, false, &r, err))
		return false;
	bool ok = o->as_of || restore_newest(r, o->id, err);
	if (ok && !o->as_of)
		o->backup.id = o->id;
	if (ok) {
		AUTO_FREE char *path = repository_backup_path(r, o->backup.id, NULL);

		(void)snprintf(o->path, sizeof(o->path), "%s", path);
		(void)snprintf(o->config, sizeof(o->config), "%s/config_%s", o->state_dir,
			       o->backup.id);
		ok = find_key(o, r, err);
	}
	repository_close(r);
	return ok;
}

static bool same_as_noted(const struct restore_options *o, struct err *err)
{
	struct restore_note note;

	if (!restore_note_read(o->state_dir, &note, err))
		return false;
	if (note.phase == RESTORE_NONE || strcmp(note.id, o->backup.id) == 0 ||
	    !backup_id_valid(note.id))
		return true;
	(void)err_set(err, ERR_USAGE, "a restore of %s has closed the site and is not done",
		      note.id);
	return err_hint(err, "--as-of %s goes on with it, `plmaint restore revert` goes back.",
			note.id);
}

/* A server that does not answer is told by the steps that need it. */
static void look_at_server(const struct session *s, struct restore_options *o)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct err ignored;

	o->restored = s->probe->place.conninfo &&
		      restore_job_open(s->probe, &o->backup, &j, &ignored) &&
		      restore_job_ask(&j, &ignored) && j.restored;
}

static bool prepare_run(const struct session *s, void *options, struct err *err)
{
	struct restore_options *o = options;

	if (!prepare(s, options, err))
		return false;
	if (!s->operands[0])
		return err_set(err, ERR_USAGE, "restore run needs the directory of the backups");
	if (!choose(o, s->operands[0], err) || !same_as_noted(o, err))
		return false;
	look_at_server(s, o);
	return true;
}

/* Of a server that does not answer the steps tell. */
static bool prepare_revert(const struct session *s, void *options, struct err *err)
{
	__attribute__((cleanup(outcome_release))) struct outcome why = { .result = RESULT_OK };
	struct restore_options *o = options;
	struct restore_note note;
	struct err ignored;
	bool any;

	if (!prepare(s, options, err) || !restore_note_read(o->state_dir, &note, err))
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

	if (!prepare(s, options, err) || !restore_note_read(o->state_dir, &note, err))
		return false;
	if (note.phase == RESTORE_NONE)
		return true;
	(void)err_set(err, ERR_USAGE, "a restore has closed the site and is not done");
	return err_hint(err, "`plmaint restore run` goes on with it, `plmaint restore revert` goes "
			     "back.");
}

/* Which part of the run a step belongs to. */
static bool acts(const void *options, const char **why)
{
	*why = "--check-only";
	return !((const struct restore_options *)options)->check_only;
}

static bool before_swap(const void *options, const char **why)
{
	*why = "the restored databases are in use already";
	return !((const struct restore_options *)options)->restored;
}

/* Whole or in pieces, encrypted or not. */
static bool when_configured(const void *options, const char **why)
{
	const struct restore_options *o = options;
	AUTO_FREE char *pattern = xasprintf("%s/config.tar.zst*", o->path);
	glob_t found;
	bool there = *o->path && glob(pattern, GLOB_NOSORT, NULL, &found) == 0;

	*why = "the backup holds no configuration, and so no key";
	if (there)
		globfree(&found);
	return there;
}

static bool when_unpacking(const void *options, const char **why)
{
	return acts(options, why) && when_configured(options, why);
}

static bool own(const void *options, const char **why)
{
	*why = "upgrade.stop_command and upgrade.start_command are not set";
	return ((const struct restore_options *)options)->own_commands;
}

static bool units(const void *options, const char **why)
{
	*why = "upgrade.stop_command and upgrade.start_command do it";
	return !((const struct restore_options *)options)->own_commands;
}

/* Nobody's services are stopped for nothing. */
static bool reverts(const void *options, const char **why)
{
	*why = "no database of before a restore is there";
	return !((const struct restore_options *)options)->nothing;
}

static bool when_own_revert(const void *options, const char **why)
{
	return reverts(options, why) && own(options, why);
}

static bool when_units_revert(const void *options, const char **why)
{
	return reverts(options, why) && units(options, why);
}

static bool noted(const void *options, enum restore_phase phase)
{
	struct restore_note note;
	struct err ignored;

	return restore_note_read(((const struct restore_options *)options)->state_dir, &note,
				 &ignored) &&
	       note.phase == phase;
}

/* What opens or ends the site's standstill: also for a run that goes on with one. */
static bool when_closing(const void *options, const char **why)
{
	return acts(options, why) && before_swap(options, why);
}

/* A restored site that is open is not started once more. */
static bool when_closed(const void *options, const char **why)
{
	if (!acts(options, why))
		return false;
	*why = "the site is open";
	return !noted(options, RESTORE_NONE);
}

static bool when_own_stop(const void *options, const char **why)
{
	return when_closing(options, why) && own(options, why);
}

static bool when_units_stop(const void *options, const char **why)
{
	return when_closing(options, why) && units(options, why);
}

static bool when_own_start(const void *options, const char **why)
{
	return when_closed(options, why) && own(options, why);
}

static bool when_units_start(const void *options, const char **why)
{
	return when_closed(options, why) && units(options, why);
}

static bool may_reopen(const void *options, const char **why)
{
	*why = noted(options, RESTORE_NONE) ? "nothing was closed"
					    : "the restored databases may be in use";
	return noted(options, RESTORE_CLOSED);
}

static bool when_own_reopen(const void *options, const char **why)
{
	return may_reopen(options, why) && own(options, why);
}

static bool when_units_reopen(const void *options, const char **why)
{
	return may_reopen(options, why) && units(options, why);
}

static void bind_backup(const void *options, void *params)
{
	*(struct restore_params *)params = ((const struct restore_options *)options)->backup;
}

static void bind_key(const void *options, void *params)
{
	const struct restore_options *o = options;

	/* What the step only reads. */
	*(struct restore_key_params *)params =
		(struct restore_key_params){ .directory = (char *)(uintptr_t)o->path,
					     .key = (char *)(uintptr_t)o->key };
}

static void bind_config(const void *options, void *params)
{
	const struct restore_options *o = options;

	*(struct restore_config_params *)params =
		(struct restore_config_params){ .directory = (char *)(uintptr_t)o->path,
						.into = (char *)(uintptr_t)o->config,
						.once = true };
}

static void bind_finish(const void *options, void *params)
{
	*(struct restore_finish_params *)params = ((const struct restore_options *)options)->finish;
}

/* The database has to answer, and what is cached has to go. */
static void bind_services(const void *options, void *params)
{
	static char needed[] = "postgresql,redis";

	(void)options;
	((struct service_choice *)params)->exclude = needed;
}

/* Every proof is made, so that all that is wrong shows at once; the first step behind them is the
 * gate. */
#define PROOF(id, reason)                                                                 \
	{                                                                                 \
		.procedure = &procedure_restore_##id, .bind = bind_backup, .why = reason, \
		.flags = STEP_FAIL_SLOW                                                   \
	}

static const struct step run_steps[] = {
	PROOF(backup, "what is damaged or missing shows before anything is touched"),
	PROOF(dumps, "a dump that breaks off shows before anything is touched"),
	{ .procedure = &procedure_restore_key,
	  .when = when_configured,
	  .bind = bind_key,
	  .why = "without its key no credential in it can be read",
	  .flags = STEP_FAIL_SLOW },
	PROOF(host, "a backup of another host would take this one's place"),
	PROOF(versions, "Pulp does not start on a database of another release"),
	PROOF(server, "what the server would refuse half way"),
	PROOF(space, "a full disk ends a restore in the middle"),
	{ .procedure = &procedure_restore_load,
	  .when = acts,
	  .bind = bind_backup,
	  .why = "the site works on while they are loaded",
	  .flags = STEP_GATE | STEP_CRITICAL },
	{ .procedure = &procedure_restore_media,
	  .when = acts,
	  .bind = bind_backup,
	  .why = "an old database names files that a cleanup has taken since",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_restore_config,
	  .when = when_unpacking,
	  .bind = bind_config,
	  .why = "what is wanted of it is taken by hand; nothing installed is touched" },
	{ .procedure = &procedure_restore_begin,
	  .when = when_closing,
	  .bind = bind_backup,
	  .why = "from here on this run is bound to open the site again",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_pulp_upgrade_stop,
	  .when = when_own_stop,
	  .why = "a database in use keeps its name",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_services_stop,
	  .when = when_units_stop,
	  .bind = bind_services,
	  .why = "a database in use keeps its name",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_restore_swap,
	  .when = acts,
	  .bind = bind_backup,
	  .why = "the one moment of it all",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_restore_cache,
	  .when = acts,
	  .why = "answers of before must not stay cached",
	  .flags = STEP_FAIL_SLOW },
	{ .procedure = &procedure_restore_start, .when = when_own_start, .why = "the site opens" },
	{ .procedure = &procedure_services_start,
	  .when = when_units_start,
	  .bind = bind_services,
	  .why = "the site opens, and is waited for" },
	{ .procedure = &procedure_restore_verify,
	  .when = acts,
	  .bind = bind_backup,
	  .why = "the site works again" },
	{ .procedure = &procedure_restore_end, .when = acts, .why = "the site is open" },

	{ .procedure = &procedure_restore_start,
	  .when = when_own_reopen,
	  .why = "nothing was changed: the site comes back",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_services_start,
	  .when = when_units_reopen,
	  .bind = bind_services,
	  .why = "nothing was changed: the site comes back",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_restore_end,
	  .when = may_reopen,
	  .why = "nothing was changed: the site is as it was",
	  .flags = STEP_RESCUE },
	STEPS_END
};

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
	  .bind = bind_services,
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
	  .bind = bind_services,
	  .why = "the site opens, and is waited for" },
	{ .procedure = &procedure_restore_end, .when = reverts, .why = "the site is open" },

	{ .procedure = &procedure_restore_start,
	  .when = when_own_reopen,
	  .why = "the site comes back as it was",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_services_start,
	  .when = when_units_reopen,
	  .bind = bind_services,
	  .why = "the site comes back as it was",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_restore_end,
	  .when = may_reopen,
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
			  .options = run_options,
			  .options_size = sizeof(struct restore_options),
			  .prepare = prepare_run,
			  .needs = NEED_SETTINGS,
			  .flags = ACTION_WRITES,
			  .scenario = run_steps },
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
