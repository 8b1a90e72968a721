/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The upgrade itself: checks, close, migrate what is left, replace, open.  The note of
 * lib/host/upgrade_note.h parts it in two: until the upgrade command has been started every failure
 * brings the site back up, afterwards it stays closed and the same command goes on.  Each step asks
 * the system whether there is work, so a run after a kill does what is left, whatever that is.
 */
#include "commands/upgrade.h"

#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/host/remembered.h"
#include "lib/pulp/apps_params.h"
#include "procedures/host_firewall.h"
#include "procedures/manifest_job.h"
#include "procedures/migrations.h"
#include "procedures/procedures.h"
#include "procedures/pulp_upgrade.h"
#include "procedures/service_set.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Ports and schedules: a dead run must not keep the site closed, so the time is short; the program
 * renews it three times as often. */
static const double closed_seconds = 60;

/* Ports, timers and units are root's; half way through, the lack of a right would be a rescue. */
static bool may_act(const struct upgrade_options *o, struct err *err)
{
	if (geteuid() == 0 || (o->left_open && o->own_commands))
		return true;
	(void)err_set(err, ERR_DENIED, "this needs root");
	if (!o->own_commands)
		return err_hint(err, "Run it with sudo: it stops and starts units of systemd.");
	return err_hint(err,
			"Run it with sudo; or set upgrade.maintenance_mode to no where something "
			"else keeps users away.");
}

bool upgrade_prepare(const struct session *s, void *options, struct err *err)
{
	struct upgrade_options *o = options;
	const struct config *c = s->config;
	struct upgrade_note note;
	bool wanted, stop = config_get(c, "upgrade.stop_command"),
		     start = config_get(c, "upgrade.start_command");

	if (!config_bool(c, "upgrade.maintenance_mode", &wanted, err))
		return false;
	o->left_open = wanted ? NULL : "upgrade.maintenance_mode is no";
	o->state_dir = config_get(c, "general.state_dir");
	o->own_commands = stop || start;
	o->has_status = config_get(c, "throttle.status_url");
	if (!may_act(o, err) || !upgrade_note_read(o->state_dir, &note, err))
		return false;
	o->phase = note.phase;
	if (wanted && !upgrade_closure_is_own(c, &note))
		o->left_open = "maintenance mode was on before, and stays on";
	if (!config_get(c, "upgrade.command")) {
		(void)err_set(err, ERR_CONFIG, "upgrade.command is not set");
		return err_hint(
			err, "Name the command that replaces Pulp and migrates its "
			     "database; `plmaint plan upgrade run` shows what is done around it.");
	}
	if (stop != start)
		return err_set(err, ERR_CONFIG,
			       "upgrade.%s_command is not set, and its counterpart is",
			       stop ? "start" : "stop");
	if (note.phase < UPGRADE_BEGUN)
		return true;
	if (o->target.to && strcmp(o->target.to, note.to) != 0) {
		(void)err_set(err, ERR_USAGE, "an upgrade to %s has begun and is not done",
			      *note.to ? note.to : "a release that was not named");
		return err_hint(err, "`plmaint upgrade run` goes on with it.");
	}
	return true;
}

/* Which part of the run a step belongs to, by how far an earlier one has come. */
static bool when_not_begun(const void *options, const char **why)
{
	*why = "an earlier run has started the upgrade command";
	return ((const struct upgrade_options *)options)->phase < UPGRADE_BEGUN;
}

static bool when_not_replaced(const void *options, const char **why)
{
	*why = "the upgrade command of an earlier run has ended well";
	return ((const struct upgrade_options *)options)->phase < UPGRADE_REPLACED;
}

static bool when_paths_count(const void *options, const char **why)
{
	return when_not_begun(options, why) && upgrade_when_paths_count(options, why);
}

static bool when_signatures_count(const void *options, const char **why)
{
	return when_not_begun(options, why) && upgrade_when_signatures_count(options, why);
}

static bool own(const void *options, const char **why)
{
	*why = "upgrade.stop_command and upgrade.start_command are not set";
	return ((const struct upgrade_options *)options)->own_commands;
}

static bool when_units_count(const void *options, const char **why)
{
	return when_not_begun(options, why) && upgrade_when_units(options, why);
}

static bool when_units_stop(const void *options, const char **why)
{
	return when_not_replaced(options, why) && upgrade_when_units(options, why);
}

static bool when_own_stop(const void *options, const char **why)
{
	return when_not_replaced(options, why) && own(options, why);
}

static bool when_closed(const void *options, const char **why)
{
	*why = ((const struct upgrade_options *)options)->left_open;
	return !*why;
}

static bool when_has_status(const void *options, const char **why)
{
	*why = "throttle.status_url is not set";
	return ((const struct upgrade_options *)options)->has_status;
}

/* Rescue: as far as the run has come by now, which is not what it began with. */
static bool may_reopen(const void *options, const char **why)
{
	struct upgrade_note note;
	struct err ignored;

	*why = "the site stays closed: the upgrade command has been started";
	if (!upgrade_note_read(((const struct upgrade_options *)options)->state_dir, &note,
			       &ignored))
		return false;
	if (note.phase == UPGRADE_NONE)
		*why = "nothing was closed";
	return note.phase == UPGRADE_CLOSING;
}

static bool when_own_reopen(const void *options, const char **why)
{
	return may_reopen(options, why) && own(options, why);
}

/* A start with none remembered is for all that start with the host, also what an operator had
 * stopped before. */
static bool remembered(const void *options, const char **why)
{
	AUTO_NAMES struct names stopped = { .n = 0 };
	struct err ignored;

	*why = "no service waits to be started again";
	return !remembered_read(((const struct upgrade_options *)options)->state_dir, &stopped,
				&ignored) ||
	       stopped.n > 0;
}

static bool when_units_reopen(const void *options, const char **why)
{
	return may_reopen(options, why) && upgrade_when_units(options, why) &&
	       remembered(options, why);
}

static bool when_units_start(const void *options, const char **why)
{
	bool started = ((const struct upgrade_options *)options)->phase == UPGRADE_REPLACED;

	return upgrade_when_units(options, why) && (!started || remembered(options, why));
}

static bool when_closed_reopen(const void *options, const char **why)
{
	return may_reopen(options, why) && when_closed(options, why);
}

static bool when_left_closed(const void *options, const char **why)
{
	struct upgrade_note note;
	struct err ignored;

	*why = "the site is as it was";
	return !upgrade_note_read(((const struct upgrade_options *)options)->state_dir, &note,
				  &ignored) ||
	       note.phase != UPGRADE_NONE;
}

static void bind_downtime(const void *options, void *params)
{
	const struct upgrade_options *o = options;
	struct downtime_params *p = params;

	*p = o->downtime;
	p->target = o->target;
	p->refuse = 1;
}

/* Until the upgrade command is started the closure lives with this program. */
static void bind_closed(const void *options, void *params)
{
	struct firewall_params *p = params;

	if (((const struct upgrade_options *)options)->phase >= UPGRADE_BEGUN)
		return;
	p->seconds = closed_seconds;
	p->renew = 1;
}

static void bind_upgrade(const void *options, void *params)
{
	((struct upgrade_params *)params)->to =
		((const struct upgrade_options *)options)->target.to;
}

/* The migrations need the database, and what is owed to the cache is paid to it. */
static void bind_services(const void *options, void *params)
{
	static char needed[] = "postgresql,redis";

	(void)options;
	((struct service_choice *)params)->exclude = needed;
}

static void bind_stopped(const void *options, void *params)
{
	(void)options;
	((struct apps_params *)params)->stopped = 1;
}

/* The site stands still for it: neither a window nor a limit of working hours holds. */
static void bind_batched(const void *options, void *params)
{
	static char always[] = "*";
	struct manifest_params *p = params;

	(void)options;
	p->window = always;
	p->max_duration = INFINITY;
	p->follows = FOLLOWS_FILL | FOLLOWS_DETACH;
}
#define bind_plain NULL

/* A guard is not passed over by --whitelist alone; the checks show all that is wrong at once, and
 * the first step behind them is the gate. */
enum { LOOK = STEP_FAIL_SLOW, GUARD = STEP_FAIL_SLOW | STEP_CRITICAL };
#define CHECK_FIRST(id, more, reason)                                                        \
	{                                                                                    \
		.check = &check_##id, .when = when_not_begun, .why = reason, .flags = (more) \
	}

const struct step upgrade_run_steps[] = {
	CHECK_FIRST(pulp_migrations, GUARD, "a migrate that broke off has to be ended first"),
	{ .check = &check_pulp_upgrade_path,
	  .when = when_not_begun,
	  .bind = upgrade_bind_target,
	  .why = "a hop that cannot work fails after the packages were replaced",
	  .flags = GUARD },
	CHECK_FIRST(pulp_quarantine_reviewed, LOOK, "what cannot be migrated is known by name"),
	CHECK_FIRST(pulp_backup_recent, LOOK, "there is no other way back"),
	CHECK_FIRST(pulp_upgrade_space, LOOK, "a full disk stops the server half way"),
	{ .procedure = &procedure_pulp_upgrade_estimate,
	  .when = when_not_begun,
	  .bind = bind_downtime,
	  .why = "a site that would stand still for too long is better migrated before",
	  .flags = LOOK },
	{ .check = &check_pulp_paths,
	  .when = when_paths_count,
	  .why = "one such path and migrate fails half way",
	  .flags = LOOK },
	{ .check = &check_pulp_signatures_keys,
	  .when = when_signatures_count,
	  .why = "one such signature and migrate fails half way",
	  .flags = LOOK },
	CHECK_FIRST(pulp_tasks_incomplete, LOOK, "a task that is ended leaves its work half done"),
	CHECK_FIRST(pulp_apps_versions, LOOK, "a forgotten service makes migrate refuse"),
	{ .check = &check_pulp_apps_loose,
	  .when = when_units_count,
	  .why = "what no unit runs cannot be stopped",
	  .flags = LOOK },
	CHECK_FIRST(pulp_collation, LOOK, "the new unique indexes would not be built"),
	CHECK_FIRST(pulp_encryption_key, LOOK, "newer releases refuse to start without it"),
	CHECK_FIRST(pulp_indexes_invalid, LOOK, "an earlier migrate left them"),
	CHECK_FIRST(host_disk, LOOK, "a full disk ends a migrate in the middle"),
	{ .procedure = &procedure_pulp_upgrade_begin,
	  .when = when_not_begun,
	  .bind = bind_upgrade,
	  .why = "from here on this run is bound to open the site again",
	  .flags = STEP_GATE | STEP_CRITICAL },
	{ .procedure = &procedure_host_firewall_close,
	  .when = when_closed,
	  .bind = bind_closed,
	  .why = "nobody begins what would be cut off; when this program dies the kernel opens "
		 "again" },
	{ .procedure = &procedure_host_schedules_stop,
	  .when = when_closed,
	  .why = "nothing begins by itself what would be cut off" },
	{ .procedure = &procedure_pulp_upgrade_stop,
	  .when = when_own_stop,
	  .why = "two of Pulp's hops migrate under running services without a word",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_services_stop,
	  .when = when_units_stop,
	  .bind = bind_services,
	  .why = "two of Pulp's hops migrate under running services without a word",
	  .flags = STEP_CRITICAL },
	{ .check = &check_pulp_apps_settled,
	  .when = when_not_replaced,
	  .bind = bind_stopped,
	  .why = "proves that they are gone, on every host",
	  .flags = STEP_CRITICAL },
#define MIGRATION(id, kind)             \
	{ .procedure = &procedure_##id, \
	  .when = when_not_begun,       \
	  .bind = bind_##kind,          \
	  .why = "what is left of it; the release to come relies on it" },
#include "procedures/migrations.def"
#undef MIGRATION
	{ .procedure = &procedure_pulp_cache_debt,
	  .when = when_not_begun,
	  .why = "what was changed must not stay cached",
	  .flags = STEP_FAIL_SLOW },
	{ .check = &check_pulp_manifests_served,
	  .when = when_not_begun,
	  .bind = upgrade_bind_target,
	  .why = "the last look before there is no way back",
	  .flags = STEP_CRITICAL },
	{ .check = &check_pulp_manifests_lost,
	  .when = when_not_begun,
	  .why = "the first worker of the new release would lose them for good",
	  .flags = STEP_CRITICAL },
	{ .procedure = &procedure_host_firewall_close,
	  .when = when_closed,
	  .why = "from here on until the end of the upgrade, also over a reboot" },
	{ .procedure = &procedure_pulp_upgrade_command,
	  .when = when_not_replaced,
	  .bind = bind_upgrade,
	  .why = "the upgrade itself; no way back from here",
	  .flags = STEP_GATE | STEP_CRITICAL },
	{ .check = &check_pulp_migrations, .why = "the migrate came to its end" },
	{ .procedure = &procedure_pulp_cache_debt,
	  .why = "what the old release has cached leads nowhere in the new one",
	  .flags = STEP_FAIL_SLOW },
	{ .procedure = &procedure_pulp_upgrade_start,
	  .when = own,
	  .why = "and waits until they have signed on" },
	{ .procedure = &procedure_services_start,
	  .when = when_units_start,
	  .bind = bind_services,
	  .why = "and waits until they answer" },
	{ .check = &check_pulp_workers_online, .why = "the site works again" },
	{ .check = &check_pulp_apps_online, .why = "the site works again" },
	{ .check = &check_pulp_manifests_digest, .why = "the stored data is what the digests say" },
	{ .check = &check_pulp_status,
	  .when = when_has_status,
	  .why = "the site answers as a client asks" },
	{ .procedure = &procedure_host_firewall_open,
	  .when = when_closed,
	  .why = "it may be used again" },
	{ .procedure = &procedure_host_schedules_start,
	  .when = when_closed,
	  .why = "exactly what was stopped" },
	{ .procedure = &procedure_pulp_upgrade_end, .why = "the site is open" },

	{ .procedure = &procedure_pulp_upgrade_start,
	  .when = when_own_reopen,
	  .why = "nothing was replaced: the site comes back",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_services_start,
	  .when = when_units_reopen,
	  .bind = bind_services,
	  .why = "nothing was replaced: the site comes back",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_host_firewall_open,
	  .when = when_closed_reopen,
	  .why = "nothing was replaced: the site comes back",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_host_schedules_start,
	  .when = when_closed_reopen,
	  .why = "nothing was replaced: the site comes back",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_pulp_upgrade_end,
	  .when = may_reopen,
	  .why = "nothing was replaced: the site is as it was",
	  .flags = STEP_RESCUE },
	{ .check = &check_pulp_upgrade_unfinished,
	  .when = when_left_closed,
	  .why = "says how to go on",
	  .flags = STEP_RESCUE },
	STEPS_END
};
