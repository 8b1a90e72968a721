/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * There is no way back from a migrate but a backup.  One is taken as good that has its manifest,
 * which is written last, and every file that the manifest names in its size; `backup verify` reads
 * them too, and what it has found counts.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/store/manifest.h"
#include "lib/store/verified.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool holds_pulp(const struct backup_manifest *m)
{
	for (size_t i = 0; i < m->n_databases; i++)
		if (strcmp(m->databases[i].feature, "pulp") == 0)
			return true;
	return false;
}

/* Files that are gone or of another size, which are named. */
static size_t count_damage(const struct repository *r, const struct backup_manifest *m,
			   struct outcome *out)
{
	size_t bad = 0;

	for (size_t i = 0; i < m->n_files; i++) {
		AUTO_FREE char *path = repository_backup_path(r, m->id, m->files[i].path);
		struct stat st;

		if (stat(path, &st) == 0 && st.st_size == m->files[i].size)
			continue;
		outcome_example(out, "%s", path);
		bad++;
	}
	return bad;
}

static void judge(const struct repository *r, const struct backup_manifest *m, double most,
		  struct outcome *out)
{
	double age = clock_wall() - backup_id_time(m->id);
	size_t bad = count_damage(r, m, out);
	char old[32], limit[32], verified[96];
	struct backup_verified v;

	backup_verified_read(r, m->id, &v);
	backup_verified_words(&v, verified, sizeof(verified));
	clock_in_words(age, old, sizeof(old));
	clock_in_words(most, limit, sizeof(limit));
	if (bad > 0) {
		outcome_set(out, RESULT_FINDING, "the backup %s lacks %zu of its files", m->id,
			    bad);
		outcome_hint(out, "`plmaint backup verify` tells more; make a new one.");
	} else if (v.damaged) {
		outcome_set(out, RESULT_FINDING, "the backup %s is damaged: %s", m->id, verified);
		outcome_hint(out, "Make a new one, and verify it.");
	} else if (age > most) {
		outcome_set(out, RESULT_FINDING,
			    "the newest backup of Pulp, %s, is %s old, and %s is the limit", m->id,
			    old, limit);
		outcome_hint(out, "Make a new one, or allow more in upgrade.backup_max_age.");
	} else {
		outcome_set(out, RESULT_OK, "the backup %s is %s old, %s", m->id, old, verified);
		if (!*v.at)
			outcome_hint(out, "`plmaint backup verify %s` reads it.",
				     repository_dir(r));
	}
}

/* The newest first; one that is not whole, or has no database of Pulp, is none. */
static bool look(const struct repository *r, const struct backup_entry *all, size_t n, double most,
		 struct outcome *out, struct err *err)
{
	while (n-- > 0) {
		AUTO_BACKUP_MANIFEST struct backup_manifest m = { .id = NULL };

		if (!all[n].whole)
			continue;
		if (!backup_manifest_read(r, all[n].id, &m, err))
			return false;
		if (!holds_pulp(&m))
			continue;
		judge(r, &m, most, out);
		return true;
	}
	outcome_set(out, RESULT_FINDING, "no backup of Pulp's database is in '%s'",
		    repository_dir(r));
	outcome_hint(out, "Make one with `plmaint backup online`.");
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const char *dir = config_get(p->config, "backup.directory");
	struct repository *r = NULL;
	struct backup_entry *all = NULL;
	double most;
	size_t n;

	(void)params;
	if (!dir) {
		outcome_set(out, RESULT_SKIPPED,
			    "backup.directory is not set: no backup was looked for");
		return true;
	}
	if (!config_seconds(p->config, "upgrade.backup_max_age", &most, err))
		return false;

	bool ok = repository_open(dir, false, &r, err) && repository_backups(r, &all, &n, err) &&
		  look(r, all, n, most, out, err);

	free(all);
	repository_close(r);
	return ok;
}

const struct check check_pulp_backup_recent = {
	.label = "pulp-backup-recent",
	.summary = "there is a backup of Pulp that is whole and not old",
	.source = "manifests of the backups in backup.directory",
	.explain =
		"In the repository that backup.directory names; its age by upgrade.backup_max_age, and "
		"what `backup verify` has found of it last. Where it is not set another program makes the backups, and nothing is asked.",
	.tags = (const char *const[]){ "pre-upgrade", "upgrade", NULL },
	.run = run,
};
