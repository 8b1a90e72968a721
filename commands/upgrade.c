/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `plmaint upgrade`: the gate that Pulp does not have.  Its exit status is for an installer: 1
 * refuses, 78 has something to look at, 0 is fine, and anything else could not find out.
 */
#include "commands/upgrade.h"

#include "checks/checks.h"
#include "commands/commands.h"
#include "procedures/procedures.h"

enum { PATHS_TYPED_FROM = 117 };    /* pulpcore 3.117 */
enum { SIGNATURES_READ_FROM = 49 }; /* migration of pulp_container */

const struct opt upgrade_options_table[] = {
	{ .name = "to",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct upgrade_options, target.to),
	  .arg = "VERSION",
	  .help = "release to upgrade to: 2.29 of pulp_container, 3.116 of pulpcore, or both with a "
		  "comma between; not given: the worst is assumed" },
	{ .name = "max-downtime",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct upgrade_options, downtime.max_downtime),
	  .arg = "TIME",
	  .help = "how long the upgrade may stand still for the migrations; not given: "
		  "upgrade.max_downtime",
	  .min = 1 },
	OPTS_END,
};

static bool validate(const void *options, struct err *err)
{
	struct release_target ignored;

	return release_target_find(((const struct upgrade_options *)options)->target.to, &ignored,
				   err);
}

void upgrade_bind_target(const void *options, void *params)
{
	*(struct target_params *)params = ((const struct upgrade_options *)options)->target;
}

static void bind_downtime(const void *options, void *params)
{
	const struct upgrade_options *o = options;
	struct downtime_params *p = params;

	*p = o->downtime;
	p->target = o->target;
}

bool upgrade_when_paths_count(const void *options, const char **why)
{
	struct release_target t;
	struct err ignored;

	*why = "only pulpcore 3.117 and later are particular about paths";
	return !release_target_find(((const struct upgrade_options *)options)->target.to, &t,
				    &ignored) ||
	       t.core_most >= PATHS_TYPED_FROM;
}

bool upgrade_when_signatures_count(const void *options, const char **why)
{
	struct release_target t;
	struct err ignored;

	*why = "only pulp_container 2.28 and later are particular about the keys of signatures";
	return !release_target_find(((const struct upgrade_options *)options)->target.to, &t,
				    &ignored) ||
	       t.level == RELEASE_UNKNOWN || t.level >= SIGNATURES_READ_FROM;
}

bool upgrade_when_units(const void *options, const char **why)
{
	*why = "upgrade.stop_command and upgrade.start_command do it";
	return !((const struct upgrade_options *)options)->own_commands;
}

static bool prepare_check(const struct session *s, void *options, struct err *err)
{
	(void)err;
	((struct upgrade_options *)options)->own_commands =
		config_get(s->config, "upgrade.stop_command") != NULL;
	return true;
}

/* What guards against loss may not be passed over by --whitelist alone. */
enum { LOOK = STEP_FAIL_SLOW, GUARD = STEP_FAIL_SLOW | STEP_CRITICAL };

static const struct step check_steps[] = {
	{ .check = &check_pulp_migrations,
	  .why = "a migrate that broke off has to be ended first",
	  .flags = GUARD },
	{ .check = &check_pulp_upgrade_unfinished, .why = "one upgrade at a time", .flags = LOOK },
	{ .check = &check_pulp_upgrade_path,
	  .bind = upgrade_bind_target,
	  .why = "a hop that cannot work fails after the packages were replaced",
	  .flags = GUARD },
	{ .check = &check_pulp_manifests_served,
	  .bind = upgrade_bind_target,
	  .why = "no migration of Pulp refuses, and what was not migrated is served as an error",
	  .flags = GUARD },
	{ .check = &check_pulp_manifests_lost,
	  .why = "the first worker of the new release would lose them for good",
	  .flags = GUARD },
	{ .check = &check_pulp_quarantine_reviewed,
	  .why = "what cannot be migrated is to be known by name",
	  .flags = LOOK },
	{ .check = &check_pulp_backup_recent, .why = "there is no other way back", .flags = LOOK },
	{ .check = &check_pulp_upgrade_space,
	  .why = "a full disk stops the server half way",
	  .flags = LOOK },
	{ .procedure = &procedure_pulp_upgrade_estimate,
	  .bind = bind_downtime,
	  .why = "how long the site would stand still",
	  .flags = LOOK },
	{ .check = &check_pulp_paths,
	  .when = upgrade_when_paths_count,
	  .why = "one such path and migrate fails half way",
	  .flags = LOOK },
	{ .check = &check_pulp_signatures_keys,
	  .when = upgrade_when_signatures_count,
	  .why = "one such signature and migrate fails half way",
	  .flags = LOOK },
	{ .check = &check_pulp_tasks_incomplete,
	  .why = "a task that is ended by the stop leaves its work half done",
	  .flags = LOOK },
	{ .check = &check_pulp_apps_versions,
	  .why = "a service of an older release, forgotten on some host, makes migrate refuse",
	  .flags = LOOK },
	{ .check = &check_pulp_apps_elsewhere,
	  .why = "what goes on there is migrated from under its feet, or makes migrate refuse",
	  .flags = LOOK },
	{ .check = &check_pulp_apps_loose,
	  .when = upgrade_when_units,
	  .why = "what no unit runs cannot be stopped",
	  .flags = LOOK },
	{ .check = &check_pulp_apps_settled,
	  .why = "so does one that was killed, until its time to live has passed",
	  .flags = LOOK },
	{ .check = &check_pulp_collation,
	  .why = "the new unique indexes would not be built",
	  .flags = LOOK },
	{ .check = &check_pulp_encryption_key,
	  .why = "newer releases refuse to start without it",
	  .flags = LOOK },
	{ .check = &check_pulp_indexes_invalid,
	  .why = "an earlier migrate left them",
	  .flags = LOOK },
	{ .check = &check_host_disk,
	  .why = "a full disk ends a migrate in the middle",
	  .flags = LOOK },
	STEPS_END
};

const struct command command_upgrade = {
	.name = "upgrade",
	.summary = "an upgrade of Pulp that loses nothing, or a refusal",
	.explain =
		"No migration of Pulp refuses to run while manifests have no data, and the newest Pulp then serves such an image as the "
		"four letters `None`. `check` looks before the packages are replaced; `run` does all that belongs around it.",
	.actions =
		(const struct action[]){
			{ .name = "check",
			  .summary = "may Pulp be upgraded now?",
			  .example = "plmaint upgrade check --to 2.29",
			  .explain =
				  "Asks the database itself, not a record of some run, and changes nothing; it can be called at any time and "
				  "by an installer, with --json. Without --to it assumes a release that serves nothing that was not migrated. "
				  "Exit 1: do not upgrade, each finding says what to type; 78: look at the warnings first; 0: go on; any other "
				  "status: it could not find out.",
			  .options = upgrade_options_table,
			  .options_size = sizeof(struct upgrade_options),
			  .validate = validate,
			  .prepare = prepare_check,
			  .scenario = check_steps },
			{ .name = "run",
			  .summary =
				  "close the site, migrate what is left, upgrade Pulp, open it again",
			  .example = "plmaint upgrade run --to 2.29 --max-downtime 10m",
			  .explain =
				  "Checks as `upgrade check` does, closes Pulp's ports and stops its services, does at full speed what pre-migrate has left, proves "
				  "that the release to come can serve all of it, and only then starts upgrade.command, whose output and whose "
				  "migrations are shown as they come. Until that command has been started, a failure, Ctrl-C too, brings the site "
				  "back up; afterwards the site stays closed and `plmaint upgrade run` goes on, also after a kill or a reboot. It "
				  "refuses when the migrations would take longer than --max-downtime. It needs root, unless the site has commands that "
				  "stop and start Pulp and upgrade.maintenance_mode is no. `plmaint plan upgrade run` shows it all and touches nothing.",
			  .options = upgrade_options_table,
			  .options_size = sizeof(struct upgrade_options),
			  .validate = validate,
			  .prepare = upgrade_prepare,
			  .flags = ACTION_WRITES,
			  .scenario = upgrade_run_steps },
			{ 0 },
		},
};
