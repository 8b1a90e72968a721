/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One backup, from the first step to the manifest. */
#include "procedures/backup_job.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/version.h"
#include "lib/store/object.h"

#include <math.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct opt backup_params_table[] = {
	{ .name = "dir",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct backup_params, dir),
	  .arg = "DIR",
	  .help = "directory of the backups" },
	BACKUP_PARAMS_ROWS(struct backup_params, ),
	OPTS_END,
};

static void release(void *value)
{
	struct backup_job *j = value;

	stints_close(j->stints);
	repository_close(j->repository);
	backup_manifest_release(&j->manifest);
	free(j);
}

/*
 * Names of what this host is reached by: a restore elsewhere is told.  Not those that come and go
 * with containers.
 */
static char **interfaces(void)
{
	struct if_nameindex *all = if_nameindex();
	size_t n = 0, k = 0;

	while (all && all[n].if_index)
		n++;
	char **names = xcalloc(n + 1, sizeof(*names));
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].if_name, "lo") != 0 && strncmp(all[i].if_name, "veth", 4) != 0)
			names[k++] = xstrdup(all[i].if_name);
	if (all)
		if_freenameindex(all);
	return names;
}

/* "age" of "age:FILE"; NULL where nothing is encrypted. */
static char *encryption(const struct config *config, const struct backup_params *p)
{
	const char *to = p->encrypt ? p->encrypt : config_get(config, "backup.encrypt");

	return to && *to ? xstrndup(to, strcspn(to, ":")) : NULL;
}

static void describe(struct backup_job *j, const struct config *config,
		     const struct backup_params *p)
{
	struct backup_manifest *m = &j->manifest;
	char host[256] = "", now[32];

	(void)gethostname(host, sizeof(host) - 1);
	clock_rfc3339(clock_wall(), now, sizeof(now));
	m->id = xstrdup(j->id);
	m->plmaint = xstrdup(PLMAINT_VERSION);
	m->kind = xstrdup(p->kind ? p->kind : "online");
	m->host = xstrdup(host);
	m->interfaces = interfaces();
	m->encryption = encryption(config, p);
	m->started = xstrdup(now);
	m->features = xcalloc(1, sizeof(*m->features));
	m->skipped = xcalloc(2, sizeof(*m->skipped));
	if (p->skip_content)
		m->skipped[0] = xstrdup("pulp-content");
}

/* What is lost with that disk is lost with its backup. */
static void warn_of_same_disk(const struct actor *a, const struct backup_job *j)
{
	const char *media = a->look->place.media_root;
	struct stat source, target;

	if (media && stat(media, &source) == 0 &&
	    stat(repository_dir(j->repository), &target) == 0 && source.st_dev == target.st_dev)
		EMIT(a->reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message", "the backup is on the file system that it is of"),
		     F_TEXT("hint",
			    "A disk that dies takes both: name a directory on another one."));
}

bool backup_job_get(struct actor *a, const struct backup_params *p, struct backup_job **ret,
		    struct err *err)
{
	struct memo *memo = a->look->backup;

	if (memo->value) {
		*ret = memo->value;
		return true;
	}
	if (!p->dir || !*p->dir)
		return err_set(err, ERR_USAGE, "which directory is meant for the backup?");
	struct backup_job *j = xcalloc(1, sizeof(*j));
	j->closed = j->downtime = NAN;
	if (!repository_open(p->dir, true, &j->repository, err) ||
	    !repository_lock(j->repository, err) || !object_sweep(j->repository, err) ||
	    !repository_begin(j->repository, clock_wall(), j->id, err)) {
		release(j);
		return false;
	}
	describe(j, a->look->config, p);
	warn_of_same_disk(a, j);
	AUTO_FREE char *path = backup_job_path(j, NULL);
	if (p->where)
		snprintf(p->where, BACKUP_PATH_MAX, "%s", path);
	*memo = (struct memo){ .value = j, .release = release };
	*ret = j;
	return true;
}

bool backup_job_closed(const struct backup_job *j)
{
	return !isnan(j->closed) && isnan(j->downtime);
}

bool backup_job_stints(struct actor *a, struct backup_job *j, bool hurried, struct stints **ret,
		       struct err *err)
{
	bool closed = backup_job_closed(j);
	enum profile profile = PROFILE_FINALIZE;

	if (j->stints && j->unhindered != closed)
		stints_close(TAKE(j->stints));
	if (!j->stints && !file_throttle_open(a, "backup", closed, &j->throttle, &j->stints, err))
		return false;
	if (!hurried && !site_profile(a, "backup.profile", &profile, err))
		return false;
	j->throttle.options.profile = profile;
	j->unhindered = closed;
	*ret = j->stints;
	return true;
}

bool backup_job_tidy(const struct backup_job *j, struct err *err)
{
	AUTO_FREE struct backup_entry *all = NULL;
	size_t n;

	if (!repository_backups(j->repository, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!all[i].whole && strcmp(all[i].id, j->id) != 0 &&
		    !repository_discard(j->repository, all[i].id, err))
			return false;
	return true;
}

char *backup_job_path(const struct backup_job *j, const char *name)
{
	return repository_backup_path(j->repository, j->id, name);
}
