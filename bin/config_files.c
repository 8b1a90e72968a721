/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration files: which, in what order, and who may read or write them. */
#include "bin/config_files.h"

#include "lib/core/mem.h"
#include "lib/drivers/ini.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char main_file[] = "/etc/plmaint/plmaint.conf";
static const char more_files[] = "/etc/plmaint/conf.d";

struct reading {
	struct config *config;
	const char *path;
	mode_t mode;
	bool ours; /* root's or our own: nobody else may write it by owning it */
};

static bool take_value(void *arg, const char *section, const char *key, const char *value, int line,
		       struct err *err)
{
	const struct reading *r = arg;
	AUTO_FREE char *name = *section ? xasprintf("%s.%s", section, key) : xstrdup(key);
	AUTO_FREE char *source = xasprintf("%s:%d", r->path, line);
	const struct config_key *k = config_find_key(name);

	if (k && k->kind == CONFIG_COMMAND && (!r->ours || r->mode & (S_IWGRP | S_IWOTH))) {
		(void)err_set(err, ERR_CONFIG, "%s names a command and others can write the file",
			      name);
		return r->ours ? err_hint(err, "chmod go-w '%s'.", r->path)
			       : err_hint(err, "chown root '%s'.", r->path);
	}
	if (config_is_secret(name, value) && r->mode & S_IRWXO) {
		(void)err_set(err, ERR_CONFIG, "%s holds a password and others can reach the file",
			      name);
		return err_hint(err, "chmod o= '%s'.", r->path);
	}
	return config_set(r->config, name, value, source, err);
}

static bool read_file(struct config *c, const char *path, bool may_miss, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		if (may_miss && errno == ENOENT)
			return true;
		(void)err_errno(err, "cannot read the configuration '%s'", path);
		err->code = ERR_CONFIG;
		return false;
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "the configuration '%s' is not a file", path);

	struct reading r = { c, path, st.st_mode, st.st_uid == 0 || st.st_uid == geteuid() };

	if (ini_read(path, take_value, &r, err))
		return true;
	err->code = ERR_CONFIG;
	return false;
}

static int is_conf(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 && strcmp(e->d_name + len - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool read_directory(struct config *c, struct err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(more_files, &entries, is_conf, by_bytes);
	bool ok = true;

	if (n < 0 && errno != ENOENT) {
		(void)err_errno(err, "cannot read '%s'", more_files);
		err->code = ERR_CONFIG;
		return false;
	}
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", more_files, entries[i]->d_name);

		ok = ok && read_file(c, path, false, err);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

bool config_load(struct config *c, const char *file, char *const *environment, char *const *sets,
		 struct err *err)
{
	if (file ? !read_file(c, file, false, err)
		 : !read_file(c, main_file, true, err) || !read_directory(c, err))
		return false;
	if (!config_environment(c, environment, err))
		return false;
	for (; sets && *sets; sets++)
		if (!config_assign(c, *sets, err))
			return false;
	return config_check(c, err);
}
