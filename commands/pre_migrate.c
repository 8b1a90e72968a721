/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `plmaint pre-migrate`: moves old manifests into the database while Pulp runs, long before the
 * upgrade that needs it.  Fill first, durably; detach last, with proof; whatever happens in
 * between, the same command goes on.
 */
#include "commands/pre_migrate.h"

#include "checks/checks.h"
#include "commands/commands.h"
#include "lib/core/clock.h"
#include "procedures/manifest_job.h"
#include "procedures/procedures.h"

struct run_options {
	struct manifest_params common;
	int keep_links, background;
};

#define BACKGROUND_ROW                                                                          \
	{                                                                                       \
		"background", 0, OPT_FLAG, offsetof(struct run_options, background), NULL,      \
			"go on in a process of its own that outlives this terminal", 0, 0, NULL \
	}

static const struct opt run_table[] = {
	MANIFEST_PARAMS_ROWS(struct run_options),
	{ "keep-links", 0, OPT_FLAG, offsetof(struct run_options, keep_links), NULL,
	  "fill only; `pre-migrate detach` drops the artifact links later", 0, 0, NULL },
	BACKGROUND_ROW,
	OPTS_END
};

/* Of the actions that do one step of a run. */
static const struct opt part_table[] = { MANIFEST_PARAMS_ROWS(struct run_options), BACKGROUND_ROW,
					 OPTS_END };

static bool check_times(const void *options, struct err *err)
{
	return manifest_params_check(&((const struct run_options *)options)->common, clock_wall(),
				     err);
}

static bool in_background(const void *options)
{
	return ((const struct run_options *)options)->background;
}

/* A dry run keeps no ledger that others see. */
static bool with_the_others(const void *options, bool *joins)
{
	*joins = !((const struct run_options *)options)->common.dry_run;
	return true;
}

static bool by_itself(const void *options, bool *joins)
{
	(void)options;
	*joins = false;
	return true;
}

/* Of each action that works in batches. */
#define TAKES_RUN_OPTIONS(table)                                                               \
	.options = table, .options_size = sizeof(struct run_options), .validate = check_times, \
	.background = in_background, .heeds = with_the_others

static void bind_common(const void *options, void *params)
{
	*(struct manifest_params *)params = ((const struct run_options *)options)->common;
}

/* For the forecast: what comes after. */
static void bind_in_run(const void *options, void *params)
{
	const struct run_options *o = options;
	struct manifest_params *p = params;

	bind_common(options, params);
	p->follows = FOLLOWS_FILL;
	if (!p->dry_run)
		p->follows |= FOLLOWS_VACUUM | (o->keep_links ? 0U : FOLLOWS_DETACH);
}

static bool when_writing(const void *options, const char **why)
{
	*why = "--dry-run changes nothing";
	return !((const struct run_options *)options)->common.dry_run;
}

static bool when_detaching(const void *options, const char **why)
{
	const struct run_options *o = options;

	if (!when_writing(options, why))
		return false;
	*why = "--keep-links";
	return !o->keep_links;
}

static const struct step run_steps[] = {
	{ .procedure = &procedure_pulp_manifests_recover,
	  .bind = bind_in_run,
	  .why = "first of all: the next orphan cleanup would take what can still be saved" },
	{ .procedure = &procedure_pulp_manifests_fill,
	  .bind = bind_in_run,
	  .why = "the migration itself; links stay" },
	{ .procedure = &procedure_pulp_manifests_detach,
	  .bind = bind_in_run,
	  .when = when_detaching,
	  .why = "ends what is filled, once it is durable and nobody holds old rows" },
	{ .procedure = &procedure_pulp_cache_debt,
	  .bind = bind_common,
	  .when = when_writing,
	  .why = "pays what this or an earlier run owes the cache",
	  .flags = STEP_FAIL_SLOW },
	{ .procedure = &procedure_pulp_manifests_vacuum,
	  .when = when_writing,
	  .why = "dead rows and old statistics",
	  .flags = STEP_FAIL_SLOW },
	{ .check = &check_pulp_manifests_pending,
	  .when = when_writing,
	  .why = "proves by query that nothing is left" },
	STEPS_END
};

static const struct step detach_steps[] = { { .procedure = &procedure_pulp_manifests_detach,
					      .bind = bind_common,
					      .why = "ends what is filled" },
					    { .procedure = &procedure_pulp_cache_debt,
					      .bind = bind_common,
					      .when = when_writing,
					      .why = "pays what is owed to the cache" },
					    STEPS_END };

static const struct step recover_steps[] = {
	{ .procedure = &procedure_pulp_manifests_recover,
	  .bind = bind_common,
	  .why = "brings back what can be found by digest" },
	{ .procedure = &procedure_pulp_cache_debt,
	  .bind = bind_common,
	  .when = when_writing,
	  .why = "an empty answer may be cached for what was recovered" },
	STEPS_END
};

static const struct step verify_steps[] = {
	{ .check = &check_pulp_manifests_pending,
	  .why = "nothing is left",
	  .flags = STEP_FAIL_SLOW },
	{ .check = &check_pulp_manifests_digest,
	  .why = "what is stored is what the digests say",
	  .flags = STEP_FAIL_SLOW },
	{ .check = &check_pulp_manifests_sample,
	  .why = "derived columns, re-derived for a random sample",
	  .flags = STEP_FAIL_SLOW },
	STEPS_END
};

static const struct action actions[] = {
	{ .name = "estimate",
	  .summary = "how long it would take and what it would cost, before anything is changed",
	  .example = "plmaint pre-migrate estimate",
	  .explain =
		  "Counts what is pending, and does a few hundred rows as a run would: it reads them, writes them in transactions "
		  "of some milliseconds, and rolls these back. Nothing stays but dead row versions, which the next vacuum takes. "
		  "With --no-write, without the right to write, and on a standby it only reads, and the interval is wider. Earlier "
		  "runs of this host make the next estimate better. Exit 78: more than upgrade.max_downtime, so pre-migrate before "
		  "the upgrade, or more than the database's disk has room for; 0: small, or nothing to do.",
	  .options = estimate_options,
	  .options_size = sizeof(struct estimate_options),
	  .validate = pre_migrate_estimate_check,
	  .heeds = by_itself,
	  .needs = NEED_DB,
	  .answer = pre_migrate_estimate },
	{ .name = "run",
	  .summary = "migrate what is pending, in the background of a running Pulp",
	  .example = "plmaint pre-migrate run",
	  .explain =
		  "Works in small batches; can be killed at any time and run again; two programs on one database share the work. "
		  "Every manifest is verified against its digest before anything is written. Rows that cannot be had are set aside "
		  "with their reason, the rest goes on. With --window it waits while the window is closed and goes on by itself. "
		  "For a --deadline that would be missed it takes its consideration for others back step by step, never the "
		  "limits that stop it, and says early when it will be missed all the same. "
		  "Exit 78: done, with quarantined or partial rows to look at; 75: stopped early (--deadline, --max-duration, "
		  "rows that were locked), run it again.",
	  TAKES_RUN_OPTIONS(run_table),
	  .needs = NEED_DB | NEED_MEDIA | NEED_REDIS | NEED_LEDGER,
	  .flags = ACTION_WRITES | ACTION_LONG,
	  .scenario = run_steps },
	{ .name = "status",
	  .summary = "what is pending, what runs, what was set aside",
	  .example = "plmaint pre-migrate status",
	  .explain =
		  "Asks the database, so it gives the same answer on every host. With --watch it asks every second until Ctrl-C.",
	  .options = status_options,
	  .options_size = sizeof(struct status_options),
	  .needs = NEED_DB,
	  .answer = pre_migrate_status },
	{ .name = "attach",
	  .summary = "the live view of a run that somebody else began",
	  .example = "plmaint pre-migrate attach",
	  .explain =
		  "Shows how far the run is, from any terminal or host. Ctrl-C leaves; the run goes on. When it ends, the exit "
		  "status is that of `wait`.",
	  .needs = NEED_DB,
	  .answer = pre_migrate_attach },
	{ .name = "wait",
	  .summary = "wait until the open run has ended",
	  .example = "plmaint pre-migrate wait",
	  .explain =
		  "Ends with the exit status of the run, the worst where several programs end meanwhile. Where none does: 0, or 78 with "
		  "quarantined or partial rows; 75 when nobody works on the open run. On a terminal it shows how far the run is.",
	  .needs = NEED_DB,
	  .answer = pre_migrate_wait },
	{ .name = "calibration",
	  .summary = "how well earlier runs were foretold",
	  .example = "plmaint pre-migrate calibration",
	  .explain =
		  "For each host and procedure, before the run and at 10, 25, 50 and 75 % of its way: by how much the time that was "
		  "foretold was off in the mean, to which side, and how often the bounds held; eight of ten times is what they "
		  "promise.",
	  .needs = NEED_DB,
	  .answer = pre_migrate_calibration },
	{ .name = "pause",
	  .summary = "let all programs at work wait, on every host",
	  .example = "plmaint pre-migrate pause",
	  .explain =
		  "Each cancels its batch, or whatever lasts (a count, a plan, a search, the vacuum), which is done again later, and "
		  "then holds no transaction and no writer's session; what is done is durable, and the content cache is told when it has "
		  "lasted ten seconds. A dry run, an estimate or a verify that is at work waits, too. It stays so until `resume`, also over a kill or a reboot: a "
		  "program that is started meanwhile waits too.",
	  .needs = NEED_DB,
	  .flags = ACTION_WRITES,
	  .answer = pre_migrate_pause },
	{ .name = "resume",
	  .summary = "end the pause",
	  .example = "plmaint pre-migrate resume",
	  .needs = NEED_DB,
	  .flags = ACTION_WRITES,
	  .answer = pre_migrate_resume },
	{ .name = "stop",
	  .summary = "let all programs at work end with their state saved, on every host",
	  .example = "plmaint pre-migrate stop",
	  .explain =
		  "They finish their batch, cancel what lasts, and leave with exit status 143; `pre-migrate run` goes on from there. A service manager "
		  "does not start them again by itself.",
	  .options = stop_options,
	  .options_size = sizeof(struct stop_options),
	  .needs = NEED_DB,
	  .flags = ACTION_WRITES,
	  .answer = pre_migrate_stop },
	{ .name = "tune",
	  .summary = "change a knob of the programs at work, on every host",
	  .example = "plmaint pre-migrate tune duty=0.3 ttl=1h",
	  .explain =
		  "Without words it lists the knobs: value, range, meaning, and who set it. KEY=VALUE sets one, KEY= gives it back "
		  "to the configuration; with ttl=TIME it goes back by itself. It counts for later runs on this database too.",
	  .operands = "[KEY[=VALUE]...] [ttl=TIME]",
	  .needs = NEED_DB,
	  .flags = ACTION_WRITES,
	  .answer = pre_migrate_tune },
	{ .name = "detach",
	  .summary = "drop the artifact links of manifests that are filled",
	  .example = "plmaint pre-migrate detach",
	  .explain =
		  "Ends what `run --keep-links` left, or what a run could not detach because Redis, a standby or a task was in the way.",
	  TAKES_RUN_OPTIONS(part_table),
	  .needs = NEED_DB | NEED_REDIS | NEED_LEDGER,
	  .flags = ACTION_WRITES | ACTION_LONG,
	  .scenario = detach_steps },
	{ .name = "verify",
	  .summary = "prove that the migration is complete and right",
	  .example = "plmaint pre-migrate verify",
	  .explain = "Reads only.",
	  .needs = NEED_DB | NEED_MEDIA,
	  .heeds = by_itself,
	  .scenario = verify_steps },
	{ .name = "recover",
	  .summary = "bring back manifests that an interrupted migration lost",
	  .example = "plmaint pre-migrate recover",
	  .explain =
		  "Finds artifacts by the manifest's digest. Run it before an orphan cleanup does its work, and before a worker of "
		  "pulpcore 3.91 or later starts for the first time.",
	  TAKES_RUN_OPTIONS(part_table),
	  .needs = NEED_DB | NEED_MEDIA | NEED_REDIS | NEED_LEDGER,
	  .flags = ACTION_WRITES | ACTION_LONG,
	  .scenario = recover_steps },
	{ .name = "reset",
	  .summary = "forget all runs and verdicts",
	  .example = "plmaint pre-migrate reset --assumeyes",
	  .explain =
		  "Drops the schema plmaint. Nothing of Pulp's is touched; quarantined rows are looked at again by the next run.",
	  .needs = NEED_DB,
	  .flags = ACTION_WRITES,
	  .answer = pre_migrate_reset },
	{ .name = "quarantine",
	  .summary = "rows that were set aside: list, show, retry, accept, export",
	  .example =
		  "plmaint pre-migrate quarantine accept sha256:0a1b... --why 'image is not used'",
	  .explain =
		  "list shows all, show DIGEST one with all that is known; retry DIGEST (or --all) lets the next run look at it again; "
		  "accept DIGEST --why TEXT remembers that it may stay; export prints tab-separated values.",
	  .operands = "[list|show|retry|accept|export] [DIGEST...]",
	  .options = quarantine_options,
	  .options_size = sizeof(struct quarantine_options),
	  .needs = NEED_DB,
	  .flags = ACTION_WRITES,
	  .answer = pre_migrate_quarantine },
	{ .summary = NULL }
};

const struct command command_pre_migrate = {
	.name = "pre-migrate",
	.summary = "move old container manifests into the database, before the upgrade",
	.explain =
		"pulp_container 2.20 to 2.22 moved each manifest's JSON, labels, type and platform from artifact files into database "
		"columns. Rows from before must be migrated once; newer releases serve them as an error or as `None`.",
	.actions = actions,
};
