/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nothing is put over what is installed: a host that is restored elsewhere, or years later, has
 * another name, another address, another release.  The operator takes what is wanted.
 */
#include "procedures/restore_config.h"

#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/probe.h"
#include "lib/host/config_archive.h"
#include "lib/host/config_compare.h"
#include "procedures/procedures.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct opt params_table[] = {
	{ .name = "directory",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct restore_config_params, directory),
	  .arg = "DIR",
	  .help = "where config.tar.zst is" },
	{ .name = "into",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct restore_config_params, into),
	  .arg = "DIR",
	  .help = "where it is unpacked: a directory that does not exist yet" },
	{ .name = "identity",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct restore_config_params, identity),
	  .arg = "FILE",
	  .help = "age's file of secret keys; not given: backup.identity" },
	OPTS_END,
};

static void tell(void *arg, const char *path, const char *what, bool lost)
{
	(void)lost;
	outcome_example(arg, "%s: %s", path, what);
}

static void differs(void *arg, const struct config_difference *d)
{
	const struct actor *a = arg;

	EMIT(a->reporter, "difference", F_TEXT("path", d->path), F_TEXT("kind", d->kind));
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	const struct restore_config_params *o = params;

	(void)p;
	if (!o->directory || !o->into) {
		(void)err_set(err, ERR_USAGE,
			      "the directory of the backup or of what is unpacked "
			      "was not named");
		return err_hint(err, "Add --param directory=BACKUP --param into=DIR.");
	}
	*ret = !o->once || access(o->into, F_OK) != 0;
	outcome_set(why, RESULT_OK,
		    *ret ? "the archive is unpacked beside what is installed"
			 : "an earlier run has unpacked it into %s",
		    o->into);
	return true;
}

/* Its name is its own once all of it is there, and durable. */
static bool unpack_once(const struct restore_config_params *o, const char *identity,
			const struct archive_listener *told, struct archive_tally *tally,
			struct err *err)
{
	AUTO_FREE char *part = xasprintf("%s.part", o->into);

	if (!fs_remove_tree(part, err) ||
	    !config_archive_unpack(o->directory, identity, part, told, tally, err))
		return false;
	AUTO_FD int fd = open(part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return (fd >= 0 && syncfs(fd) == 0 && rename(part, o->into) == 0) ||
	       err_errno(err, "cannot keep %s", part);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct restore_config_params *o = params;
	const char *identity =
		o->identity ? o->identity : config_get(a->look->config, "backup.identity");
	const struct archive_listener told = { .tell = tell, .arg = out };
	struct archive_tally tally;
	struct config_compared c;

	if (!(o->once ? unpack_once(o, identity, &told, &tally, err)
		      : config_archive_unpack(o->directory, identity, o->into, &told, &tally,
					      err)) ||
	    !config_compare(o->into, "/", differs, a, &c, err))
		return false;
	outcome_set(
		out, tally.lost ? RESULT_WARNING : RESULT_OK,
		"%lld file(s) unpacked into %s; %lld of them (is|are) other than what is installed, "
		"%lld are not installed",
		(long long)tally.entries, o->into, (long long)c.different, (long long)c.missing);
	if (c.different + c.missing > 0)
		outcome_hint(out,
			     "Look at them with `diff -r`, and copy what is wanted with cp -a.");
	return true;
}

const struct procedure procedure_restore_config = {
	.label = "restore-config",
	.summary = "unpack the configuration of a backup beside what is installed",
	.explain =
		"Into a directory that only root can read; then each file is compared with the "
		"installed one, and what differs is listed: by content, owner, mode, or since it is "
		"not there. No installed file is touched.",
	.changes = "writes files below the directory that is named",
	.tags = (const char *const[]){ "restore", NULL },
	.params = params_table,
	.params_size = sizeof(struct restore_config_params),
	.needed = needed,
	.run = run,
};
