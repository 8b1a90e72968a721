/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding Pulp's programs and running pulpcore-manager. */
#include "lib/pulp/program.h"

#include "lib/core/mem.h"
#include "lib/drivers/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_WORDS = 8, OUTPUT_MAX = 64 << 20 };

/* Where packages and installers put Pulp's programs, after the operator's own PATH. */
static const char usual_path[] = "/usr/bin:/usr/local/lib/pulp/bin:/opt/pulp/bin:/usr/local/bin";

/* dir/name when dir has both programs; else NULL.  Caller frees. */
static char *program_in(const char *dir, size_t len, const char *name)
{
	char *manager AUTO_FREE = xasprintf("%.*s/pulpcore-manager", (int)len, dir);
	char *program AUTO_FREE = xasprintf("%.*s/%s", (int)len, dir, name);

	return len > 0 && *dir == '/' && access(manager, X_OK) == 0 && access(program, X_OK) == 0
		       ? TAKE(program)
		       : NULL;
}

static char *search(const char *path, const char *name)
{
	while (path && *path) {
		size_t len = strcspn(path, ":");
		char *found = program_in(path, len, name);

		if (found)
			return found;
		path += len + (path[len] == ':');
	}
	return NULL;
}

char *pulp_program_find(const struct config *config, const char *name, struct err *err)
{
	const char *manager = config_get(config, "pulp.manager");
	bool set = manager && *manager;
	char *found = NULL;

	if (set) {
		const char *slash = strrchr(manager, '/');

		found = slash ? program_in(manager, (size_t)(slash - manager), name) : NULL;
		/* A link in /usr/bin may lead to where the programs are. */
		char *real AUTO_FREE = found ? NULL : realpath(manager, NULL);

		if (real)
			found = program_in(real, (size_t)(strrchr(real, '/') - real), name);
	} else {
		found = search(getenv("PATH"), name);
		found = found ? found : search(usual_path, name);
	}
	if (found)
		return found;
	if (set)
		(void)err_set(err, ERR_NOT_FOUND, "there is no %s beside %s", name, manager);
	else
		(void)err_set(err, ERR_NOT_FOUND, "%s is not in PATH beside pulpcore-manager",
			      name);
	(void)err_hint(err, "Name the path of pulpcore-manager in pulp.manager.");
	return NULL;
}

/* Tries the file as the user that will run the program; as ourselves when we are not root. */
bool pulp_program_may_read(const struct config *config, const char *settings_file, struct err *err)
{
	const char *user = config_get(config, "pulp.user");
	struct strbuf out AUTO_STRBUF = { 0 };
	int status = 0;
	const char *const argv[] = { "/usr/bin/test", "-r", settings_file, NULL };
	const struct process_options o = {
		.argv = argv, .user = user, .timeout = 10, .max_output = 1024
	};

	if (!process_run(&o, &out, &status, err))
		return err_wrap(err, "while reading %s as the user %s", settings_file, user);
	if (status == 0)
		return true;
	(void)err_set(err, ERR_DENIED, "the user %s cannot read %s", user, settings_file);
	return err_hint(
		err,
		"Pulp itself would ignore the file and use its defaults: give it to the group of the user "
		"%s, or name another user in pulp.user.",
		user);
}

const char **pulp_program_env(const char *settings_file, const struct unit_environment *env,
			      char **ret_owned)
{
	const char **vars = xcalloc(env->n + 5, sizeof(*vars));
	size_t n = 0;

	*ret_owned = xasprintf("PULP_SETTINGS=%s", settings_file);
	vars[n++] = "PATH=/usr/local/bin:/usr/bin:/bin";
	vars[n++] = "LANG=C.UTF-8";
	vars[n++] = "DJANGO_SETTINGS_MODULE=pulpcore.app.settings";
	vars[n++] = *ret_owned;
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->vars[i], "PULP_SETTINGS=", 14) != 0)
			vars[n++] = env->vars[i];
	return vars;
}

static bool run_manager(const struct config *config, const struct pulp_manager *m,
			const char *program, const char *const *env, int *ret_status,
			struct err *err)
{
	struct strbuf out AUTO_STRBUF = { 0 };
	const char *argv[MOST_WORDS + 2] = { program };

	for (size_t i = 0; i < MOST_WORDS && m->words[i]; i++)
		argv[i + 1] = m->words[i];
	const struct process_options o = { .argv = argv,
					   .env = env,
					   .user = config_get(config, "pulp.user"),
					   .dir = "/",
					   .timeout = m->timeout,
					   .stoppable = true,
					   .max_output = OUTPUT_MAX,
					   .line = m->line,
					   .arg = m->arg };

	return process_run(&o, &out, ret_status, err) ||
	       err_wrap(err, "while running pulpcore-manager %s", m->words[0]);
}

bool pulp_manager_run(const struct config *config, const struct pulp_manager *m, int *ret_status,
		      struct err *err)
{
	char *program AUTO_FREE = pulp_program_find(config, "pulpcore-manager", err);
	struct unit_environment unit;
	char *owned AUTO_FREE = NULL;

	if (!program)
		return false;
	if (!m->settings_source) {
		(void)err_set(err, ERR_CONFIG, "no settings of Pulp were read");
		return err_hint(err, "Name them in pulp.settings: its own programs need them.");
	}
	if (!pulp_program_may_read(config, m->settings_source, err))
		return false;
	unit_environment_read(&unit);
	const char **env AUTO_FREE = pulp_program_env(m->settings_source, &unit, &owned);
	bool ok = run_manager(config, m, program, env, ret_status, err);
	unit_environment_release(&unit);
	return ok;
}
