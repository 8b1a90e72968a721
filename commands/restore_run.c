/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `plmaint restore run`: proves a backup, loads it beside what is in use, and changes names in one
 * moment.  Until then every failure leaves the site as it was; afterwards the same command goes on,
 * or `revert` goes back.
 */
#include "commands/restore.h"
#include "lib/core/mem.h"
#include "procedures/procedures.h"
#include "procedures/restore_config.h"
#include "procedures/restore_key.h"
#include "procedures/restore_media.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

const struct opt restore_run_options[] = {
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
	RESTORE_CHECKSUM_ROW(struct restore_options),
	OPTS_END,
};

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

bool restore_prepare_run(const struct session *s, void *options, struct err *err)
{
	struct restore_options *o = options;

	if (!restore_prepare(s, options, err))
		return false;
	if (!s->operands[0])
		return err_set(err, ERR_USAGE, "restore run needs the directory of the backups");
	if (!choose(o, s->operands[0], err) || !same_as_noted(o, err))
		return false;
	look_at_server(s, o);
	return true;
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
	return !restore_noted(options, RESTORE_NONE);
}

static bool when_own_stop(const void *options, const char **why)
{
	return when_closing(options, why) && restore_own(options, why);
}

static bool when_units_stop(const void *options, const char **why)
{
	return when_closing(options, why) && restore_units(options, why);
}

static bool when_own_start(const void *options, const char **why)
{
	return when_closed(options, why) && restore_own(options, why);
}

static bool when_units_start(const void *options, const char **why)
{
	return when_closed(options, why) && restore_units(options, why);
}

static void bind_backup(const void *options, void *params)
{
	*(struct restore_params *)params = ((const struct restore_options *)options)->backup;
}

static void bind_media(const void *options, void *params)
{
	const struct restore_options *o = options;

	*(struct restore_media_params *)params =
		(struct restore_media_params){ .backup = o->backup, .checksum = o->checksum };
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

/* Every proof is made, so that all that is wrong shows at once; the first step behind them is the
 * gate. */
#define PROOF(id, reason)                                                                 \
	{                                                                                 \
		.procedure = &procedure_restore_##id, .bind = bind_backup, .why = reason, \
		.flags = STEP_FAIL_SLOW                                                   \
	}

const struct step restore_run_steps[] = {
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
	  .bind = bind_media,
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
	  .bind = restore_bind_services,
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
	  .bind = restore_bind_services,
	  .why = "the site opens, and is waited for" },
	{ .procedure = &procedure_restore_verify,
	  .when = acts,
	  .bind = bind_backup,
	  .why = "the site works again" },
	{ .procedure = &procedure_restore_end, .when = acts, .why = "the site is open" },

	{ .procedure = &procedure_restore_start,
	  .when = restore_when_own_reopen,
	  .why = "nothing was changed: the site comes back",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_services_start,
	  .when = restore_when_units_reopen,
	  .bind = restore_bind_services,
	  .why = "nothing was changed: the site comes back",
	  .flags = STEP_RESCUE },
	{ .procedure = &procedure_restore_end,
	  .when = restore_may_reopen,
	  .why = "nothing was changed: the site is as it was",
	  .flags = STEP_RESCUE },
	STEPS_END
};
