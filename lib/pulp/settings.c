/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Own configuration first, then what Pulp's settings say.  The settings are looked at even when the
 * connection is configured, since they also say whether there is a cache to flush and domains; they
 * may be absent only where the configuration leaves nothing to find out.
 */
#include "lib/pulp/settings.h"
#include "lib/core/mem.h"
#include "lib/pulp/settings_dynaconf.h"
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

static bool read_file(const char *path, size_t max, struct strbuf *out, struct err *err)
{
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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
static bool has_local_file(const char *path)
{
	size_t len = strlen(path);
	if (len < 4 || strcmp(path + len - 3, ".py") != 0)
		return false;
	char *local AUTO_FREE = xasprintf("%.*s.local.py", (int)(len - 3), path);
	return access(local, F_OK) == 0 || errno != ENOENT;
}

/* The settings as one object, from the literal parser where it is certain, else from Pulp itself.
 */
static bool load(const struct config *config, const char *file, const struct unit_environment *env,
		 struct json **ret, struct err *err)
{
	struct strbuf text AUTO_STRBUF = { 0 }, json AUTO_STRBUF = { 0 };
	struct literal_doubt doubt = { .why = NULL };
	char reason[256];

	if (!read_file(file, FILE_MAX, &text, err))
		return err_hint(
			err,
			err->code == ERR_DENIED
				? "Run as root or as the user pulp, or name a copy that can be read in pulp.settings."
				: "Name Pulp's settings file in pulp.settings, or set database.pulp.conninfo, "
				  "pulp.media_root and redis.url.");
	if (has_local_file(file))
		snprintf(reason, sizeof reason, "has a .local.py beside it");
	else if (unit_environment_overrides(env, settings_wanted))
		snprintf(reason, sizeof reason,
			 "is overridden by the environment of Pulp's services");
	else if (settings_literal(text.len ? text.data : "", text.len, settings_wanted, &json,
				  &doubt))
		return json_parse(json.data, json.len, ret, err);
	else
		snprintf(reason, sizeof reason, "%s (line %d%s%s)", doubt.why, doubt.line,
			 *doubt.name ? ": " : "", doubt.name);
	if (settings_dynaconf(config, file, env, ret, err))
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
		if (!read_file(password_file, 64 << 10, &text, err)) {
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

bool pulp_settings_find(const struct config *config, struct place *place, struct err *err)
{
	struct unit_environment env;
	struct place found = {
		.domain_enabled = -1, .api_ttl = 120, .content_ttl = 30, .worker_ttl = 30
	};
	struct json *all = NULL;
	const char *file = own(config, "pulp.settings"), *unit_file;
	bool named = file && strcmp(config_source(config, "pulp.settings"), "default") != 0;
	const char *conninfo = own(config, "database.pulp.conninfo");
	bool complete = conninfo && own(config, "pulp.media_root") && own(config, "redis.url");

	unit_environment_read(&env);
	unit_file = unit_environment_get(&env, "PULP_SETTINGS");
	if (!named && unit_file)
		file = unit_file;
	char *source = xstrdup(file ? file : "/etc/pulp/settings.py");
	bool absent = access(source, F_OK) != 0 && errno == ENOENT;
	bool ok =
		load(config, source, &env, &all, err) && settings_values(all, source, &found, err);
	unit_environment_release(&env);
	json_free(all);
	if (ok) {
		found.conninfo_source = source;
		found.settings_source = xstrdup(source);
	} else {
		free(source);
		/* Elsewhere than on Pulp's host there is no such file, and a connection string is
		 * enough to go on. */
		if (named || !(complete || (absent && conninfo)))
			return false;
		*err = (struct err){ .code = ERR_NONE };
	}
	if (!overlay(config, &found, err)) {
		place_release(&found);
		return false;
	}
	*place = found;
	return true;
}
