/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups of a site that goes on working, in one repository that holds every file once. */
#include "commands/backup.h"

#include "checks/checks.h"
#include "commands/commands.h"
#include "lib/host/remembered.h"
#include "procedures/backup_config.h"
#include "procedures/backup_prune.h"
#include "procedures/backup_ready.h"
#include "procedures/procedures.h"
#include "procedures/service_set.h"

#include <stdio.h>
#include <string.h>

struct online_options {
	struct backup_params params; /* first: what the steps get */
	const char *state_dir;
	struct backup_config_params config; /* but for its directory, which is where */
	char where[BACKUP_PATH_MAX];	    /* this backup's directory, once there is one */
};

static const struct opt online_options_table[] = {
	BACKUP_PARAMS_ROWS(struct online_options, params.),
	BACKUP_FEATURES_ROWS(struct online_options, config.),
	BACKUP_PIECES_ROW(struct online_options, config.),
	OPTS_END,
};

static const struct opt prune_options_table[] = {
	PRUNE_OPTIONS,
	OPTS_END,
};

bool backup_repository(const struct session *s, struct repository **ret, struct err *err)
{
	return repository_open(s->operands[0], false, ret, err);
}

static bool prepare(const struct session *s, struct online_options *o, const char *kind)
{
	o->params.kind = kind;
	o->params.encrypt = o->config.encrypt;
	o->params.where = o->where;
	o->state_dir = config_get(s->config, "general.state_dir");
	snprintf(o->where, sizeof(o->where), "DIR/backups/ID"); /* for a plan */
	/* Not in the tables of options, so not released with them: the words outlive the run.  A
	 * plan needs none. */
	o->params.dir = s->operands[0];
	return true;
}

static bool prepare_online(const struct session *s, void *options, struct err *err)
{
	(void)err;
	return prepare(s, options, "online");
}

static bool prepare_offline(const struct session *s, void *options, struct err *err)
{
	(void)err;
	return prepare(s, options, "offline");
}

static void bind_ready(const void *options, void *params)
{
	const struct online_options *o = options;

	*(struct backup_ready_params *)params =
		(struct backup_ready_params){ .backup = o->params, .config = o->config };
}

/* Called when the steps before have made the directory. */
static void bind_config(const void *options, void *params)
{
	const struct online_options *o = options;
	struct backup_config_params *c = params;

	*c = o->config;
	c->directory = (char *)(uintptr_t)o->where;
}

/* The dumps need the database; the cache holds nothing that is backed up. */
static void bind_services(const void *options, void *params)
{
	static char needed[] = "postgresql,redis";

	(void)options;
	((struct service_choice *)params)->exclude = needed;
}

/* Rescue: as it is by then. */
static bool when_stopped(const void *options, const char **why)
{
	AUTO_NAMES struct names stopped = { .n = 0 };
	struct err ignored;

	*why = "nothing was stopped";
	return !remembered_read(((const struct online_options *)options)->state_dir, &stopped,
				&ignored) ||
	       stopped.n > 0;
}

static bool prepare_prune(const struct session *s, void *options, struct err *err)
{
	(void)err;
	((struct prune_params *)options)->dir = s->operands[0];
	return true;
}

static void bind_prune(const void *options, void *params)
{
	*(struct prune_params *)params = *(const struct prune_params *)options;
}

static void bind(const void *options, void *params)
{
	memcpy(params, options, sizeof(struct backup_params));
}

static bool with_content(const void *options, const char **why)
{
	*why = "--skip-pulp-content";
	return !((const struct online_options *)options)->params.skip_content;
}

static const char online_explain[] =
	"Copies what is new, takes one snapshot of each database, copies what the snapshot names beyond that, and dumps "
	"it. Killed anywhere, the same command goes on: what is in the repository is not copied again, and an unfinished "
	"backup is never taken for a good one. DIR is made where it is missing.";

static const struct step online_steps[] = {
	{ .procedure = &procedure_backup_ready,
	  .bind = bind_ready,
	  .why = "what would end it half way is told now" },
	{ .procedure = &procedure_backup_content,
	  .bind = bind,
	  .when = with_content,
	  .why = "hardly anything is left to copy once the snapshot is taken" },
	{ .procedure = &procedure_backup_databases,
	  .bind = bind,
	  .why = "one moment for the databases and what they name" },
	{ .procedure = &procedure_backup_media,
	  .bind = bind,
	  .when = with_content,
	  .why = "what is no artifact" },
	{ .procedure = &procedure_backup_config,
	  .bind = bind_config,
	  .why = "without its keys and settings a database is of little use" },
	{ .procedure = &procedure_backup_finish,
	  .bind = bind,
	  .why = "what was not finished is no backup" },
	STEPS_END
};

static const struct step offline_steps[] = {
	{ .check = &check_pulp_apps_loose, .why = "what no unit runs cannot be stopped" },
	{ .procedure = &procedure_backup_ready,
	  .bind = bind_ready,
	  .why = "what would end it half way is told now" },
	{ .procedure = &procedure_backup_content,
	  .bind = bind,
	  .when = with_content,
	  .why = "what is copied now needs no standstill" },
	{ .procedure = &procedure_backup_close,
	  .bind = bind,
	  .why = "how long the site will stand still" },
	{ .procedure = &procedure_services_stop,
	  .bind = bind_services,
	  .why = "nothing changes while the rest is copied",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_backup_databases,
	  .bind = bind,
	  .why = "what has come since, and the dumps" },
	{ .procedure = &procedure_backup_media,
	  .bind = bind,
	  .when = with_content,
	  .why = "what is no artifact" },
	{ .procedure = &procedure_backup_config,
	  .bind = bind_config,
	  .why = "without its keys and settings a database is of little use" },
	{ .procedure = &procedure_services_start,
	  .bind = bind_services,
	  .why = "nothing of the site is needed any more" },
	{ .procedure = &procedure_backup_reopened,
	  .bind = bind,
	  .why = "how long the site has stood still" },
	{ .procedure = &procedure_backup_finish,
	  .bind = bind,
	  .why = "what was not finished is no backup" },
	{ .procedure = &procedure_services_start,
	  .bind = bind_services,
	  .when = when_stopped,
	  .why = "the site works again, backup or not",
	  .flags = STEP_RESCUE },
	STEPS_END
};

const struct command command_backup = {
	.name = "backup",
	.summary = "backups that never stop the site and never copy an artifact twice",
	.explain =
		"Pulp's artifacts never change and are named by their digest. So a repository of backups holds each of them once, "
		"every backup after the first copies only what is new, and each restores alone.",
	.actions =
		(const struct action[]){
			{ .name = "online",
			  .summary = "back up while the site goes on working",
			  .example = "plmaint backup online /var/backup/pulp",
			  .explain = online_explain,
			  .operands = "DIR",
			  .options = online_options_table,
			  .options_size = sizeof(struct online_options),
			  .flags = ACTION_LONG,
			  .prepare = prepare_online,
			  .scenario = online_steps },
			/* A word of foreman-maintain's users: every backup after the first is. */
			{ .name = "incremental",
			  .summary =
				  "the same as online: every backup after the first is incremental",
			  .example = "plmaint backup incremental /var/backup/pulp",
			  .explain = online_explain,
			  .operands = "DIR",
			  .options = online_options_table,
			  .options_size = sizeof(struct online_options),
			  .flags = ACTION_LONG,
			  .prepare = prepare_online,
			  .scenario = online_steps },
			{ .name = "offline",
			  .summary = "back up with the services stopped for as short as it can be",
			  .example = "plmaint backup offline /var/backup/pulp",
			  .explain =
				  "Artifacts are copied while the site works; then the services of this host are stopped, "
				  "what has come since is copied, the databases are dumped, and the services started again, "
				  "also when something fails. How long that takes is said before and afterwards.",
			  .operands = "DIR",
			  .options = online_options_table,
			  .options_size = sizeof(struct online_options),
			  .flags = ACTION_LONG,
			  .prepare = prepare_offline,
			  .scenario = offline_steps },
			{ .name = "list",
			  .summary = "the backups of a repository",
			  .example = "plmaint backup list /var/backup/pulp",
			  .operands = "DIR",
			  .answer = backup_list },
			{ .name = "verify",
			  .summary = "read a backup and compare it with its manifest",
			  .example = "plmaint backup verify /var/backup/pulp --sample 5",
			  .explain =
				  "Reads every file of the backup and every artifact that it names, and lets pg_restore "
				  "read its dumps. Without ID the newest is meant. Exit status 1: something is wrong, and "
				  "each such file is named.",
			  .operands = "DIR [ID]",
			  .options = verify_options_table,
			  .options_size = sizeof(struct verify_options),
			  .answer = backup_verify },
			{ .name = "prune",
			  .summary = "remove old backups, and what only they need",
			  .example =
				  "plmaint backup prune /var/backup/pulp --keep-daily 7 --keep-weekly 8",
			  .explain =
				  "What any of the options keeps stays; the newest finished backup always does. Days and "
				  "weeks are those of UTC.",
			  .operands = "DIR",
			  .options = prune_options_table,
			  .options_size = sizeof(struct prune_params),
			  .prepare = prepare_prune,
			  .scenario =
				  (const struct step[]){
					  { .procedure = &procedure_backup_prune,
					    .bind = bind_prune,
					    .why = "asked for" },
					  STEPS_END,
				  } },
			{ 0 },
		},
};
