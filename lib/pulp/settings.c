/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Own configuration first, then what Pulp's settings say.  The settings are looked at even when the
 * connection is configured, since they also say whether there is a cache to flush and domains; they
 * may be absent only where the configuration leaves nothing to find out.
 */
#include "lib/pulp/settings.h"
#include "lib/core/mem.h"
#include "lib/drivers/container.h"
#include "lib/pulp/contained.h"
#include "lib/pulp/settings_dynaconf.h"
#include "lib/pulp/settings_kept.h"
#include "lib/pulp/settings_literal.h"
#include "lib/pulp/settings_unit.h"
#include "lib/pulp/settings_values.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 4 << 20 };

/* NULL when empty or not set. */
static const char *own(const struct config *config, const char *key)
{
	const char *value = config_get(config, key);
	return value && *value ? value : NULL;
}

/* pid: of a process in the container that has the file; 0: it is this host's. */
static int open_there(pid_t pid, const char *path, int flags)
{
	return pid ? container_open(pid, path, flags) : open(path, flags | O_CLOEXEC);
}

static bool read_file(pid_t pid, const char *path, size_t max, struct strbuf *out, struct err *err)
{
	int fd AUTO_FD = open_there(pid, path, O_RDONLY | O_NONBLOCK);
	struct stat st;
	char buf[8192];
	ssize_t n;

	if (fd < 0)
		return err_errno(err, "cannot open %s", path);
	if (fstat(fd, &st) != 0)
		return err_errno(err, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "%s is not a regular file", path);
	while ((n = read(fd, buf, sizeof buf)) > 0 && out->len <= max)
		strbuf_add(out, buf, (size_t)n);
	if (n < 0)
		return err_errno(err, "cannot read %s", path);
	if (out->len > max)
		return err_set(err, ERR_CONFIG, "%s is larger than %zu bytes", path, max);
	return true;
}

/* dynaconf reads X.local.py after X.py, without being told. */
static bool has_local_file(pid_t pid, const char *path)
{
	size_t len = strlen(path);
	if (len < 4 || strcmp(path + len - 3, ".py") != 0)
		return false;
	char *local AUTO_FREE = xasprintf("%.*s.local.py", (int)(len - 3), path);
	int fd AUTO_FD = open_there(pid, local, O_PATH);
	return fd >= 0 || errno != ENOENT;
}

static bool cannot_read(const struct pulp_home *home, struct err *err)
{
	if (home->container)
		(void)err_wrap(err, "in container %s", home->container);
	return err_hint(
		err,
		err->code == ERR_DENIED
			? "Run as root or as the user pulp, or name a copy that can be read in pulp.settings."
			: "Name Pulp's settings file in pulp.settings, or set database.pulp.conninfo, "
			  "pulp.media_root and redis.url.");
}

/* Nothing of a container is found here, where its keeper is not asked. */
static bool hint_elsewhere(struct err *err)
{
	AUTO_FREE char *where = contained_elsewhere();

	if (!where)
		return false;
	return err_hint(err,
			"Pulp runs in %s, which is not looked into: set database.pulp.conninfo, "
			"pulp.media_root and redis.url as they are reached from here.",
			where);
}

/* The settings as one object, from the literal parser where it is certain, else from Pulp itself.
 */
static bool load(const struct pulp_home *home, pid_t pid, struct json **ret, struct err *err)
{
	const char *file = home->settings_file;
	struct strbuf text AUTO_STRBUF = { 0 }, json AUTO_STRBUF = { 0 };
	struct literal_doubt doubt = { .why = NULL };
	char reason[256];

	if (!read_file(pid, file, FILE_MAX, &text, err))
		return cannot_read(home, err);
	if (has_local_file(pid, file))
		snprintf(reason, sizeof reason, "has a .local.py beside it");
	else if (unit_environment_overrides(home->env, settings_wanted))
		snprintf(reason, sizeof reason,
			 "is overridden by the environment of Pulp's services");
	else if (settings_literal(text.len ? text.data : "", text.len, settings_wanted, &json,
				  &doubt))
		return json_parse(json.data, json.len, ret, err);
	else
		snprintf(reason, sizeof reason, "%s (line %d%s%s)", doubt.why, doubt.line,
			 *doubt.name ? ": " : "", doubt.name);
	if (settings_dynaconf(home, ret, err))
		return true;
	return err_wrap(err, "%s %s", file, reason);
}

/* Own values replace what Pulp says. */
static bool overlay(const struct config *config, struct place *place, struct err *err)
{
	const char *conninfo = own(config, "database.pulp.conninfo");
	const char *root = own(config, "pulp.media_root");
	const char *redis = own(config, "redis.url");
	const char *key = own(config, "pulp.encryption_key");
	const char *password_file = own(config, "database.pulp.password_file");

	if (key) {
		free(place->encryption_key);
		place->encryption_key = xstrdup(key);
	}
	if (conninfo) {
		free(place->conninfo);
		free(place->conninfo_source);
		place->conninfo = xstrdup(conninfo);
		place->conninfo_source = xstrdup("database.pulp.conninfo");
	}
	if (root) {
		free(place->media_root);
		free(place->storage_class);
		place->media_root = xstrdup(root);
		place->storage_class = NULL;
	}
	if (redis) {
		free(place->redis_url);
		place->redis_url = xstrdup(redis);
		place->cache_enabled = true;
	}
	if (password_file) {
		struct strbuf text AUTO_STRBUF = { 0 };
		if (!read_file(0, password_file, 64 << 10, &text, err)) {
			err_wrap(err, "database.pulp.password_file");
			return err_hint(
				err,
				"The file holds the password in its first line, readable by its owner alone.");
		}
		if (text.len)
			text.data[strcspn(text.data, "\r\n")] = '\0';
		char *whole = conninfo_with_password(place->conninfo, text.len ? text.data : "");
		if (text.len)
			explicit_bzero(text.data, text.len);
		free(place->conninfo);
		place->conninfo = whole;
	}
	return true;
}

/* What a container calls so has another name here, where it has one at all. */
static void rename_path(pid_t pid, char **path)
{
	char *here = *path ? container_path_on_host(pid, *path) : NULL;

	if (here) {
		free(*path);
		*path = here;
	}
}

static void as_seen_from_here(const struct contained *in, struct place *place)
{
	place->settings_inside = xstrdup(place->settings_source);
	rename_path(in->pid, &place->settings_source);
	rename_path(in->pid, &place->media_root);
	rename_path(in->pid, &place->encryption_key);
}

/* Where the file is that Pulp's services read.  Caller frees. */
static char *settings_path(const struct config *config, const struct unit_environment *env,
			   bool named)
{
	const char *file = own(config, "pulp.settings");
	const char *theirs = unit_environment_get(env, "PULP_SETTINGS");

	if (!named && theirs)
		file = theirs;
	return xstrdup(file ? file : "/etc/pulp/settings.py");
}

static bool find(const struct config *config, const struct contained *in, const char *file,
		 const struct unit_environment *env, struct place *ret, struct err *err)
{
	const struct pulp_home home = {
		.config = config, .container = in->id, .settings_file = file, .env = env
	};
	struct json *all = NULL;

	bool ok = load(&home, in->pid, &all, err) && settings_values(all, file, ret, err);
	json_free(all);
	if (!ok)
		return false;
	ret->settings_source = xstrdup(file);
	if (in->pid)
		as_seen_from_here(in, ret);
	ret->conninfo_source =
		in->id ? xasprintf("%s in container %s", file, in->id) : xstrdup(file);
	return true;
}

bool pulp_settings_find(const struct config *config, struct place *place, struct err *err)
{
	AUTO_CONTAINED struct contained in = { .pid = 0 };
	struct unit_environment env;
	struct place found = {
		.domain_enabled = -1, .api_ttl = 120, .content_ttl = 30, .worker_ttl = 30
	};
	bool named = own(config, "pulp.settings") &&
		     strcmp(config_source(config, "pulp.settings"), "default") != 0;
	const char *conninfo = own(config, "database.pulp.conninfo");
	bool complete = conninfo && own(config, "pulp.media_root") && own(config, "redis.url");

	if (!named)
		contained_find(&in);
	contained_environment(&in, &env);
	char *file AUTO_FREE = settings_path(config, &env, named);
	bool absent = !in.pid && access(file, F_OK) != 0 && errno == ENOENT;
	bool ok = (absent && !named && settings_kept(&found)) ||
		  find(config, &in, file, &env, &found, err);
	unit_environment_release(&env);
	if (!ok) {
		/* Elsewhere than on Pulp's host there is no such file, and a connection string is
		 * enough to go on. */
		if (named || !(complete || (absent && conninfo)))
			return absent ? hint_elsewhere(err) : false;
		*err = (struct err){ .code = ERR_NONE };
	}
	if (!overlay(config, &found, err)) {
		place_release(&found);
		return false;
	}
	*place = found;
	return true;
}
