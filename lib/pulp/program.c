/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding Pulp's programs, and what they are run for. */
#include "lib/pulp/program.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/pulp/contained.h"
#include "lib/pulp/program_run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_MAX = 64 << 20, PODMAN_FAILED = 125 /* and the next two: it, not the program */ };

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
bool pulp_program_may_read(const struct pulp_home *h, struct err *err)
{
	const char *user = config_get(h->config, "pulp.user");
	struct strbuf out AUTO_STRBUF = { 0 }, errors AUTO_STRBUF = { 0 };
	int status = 0;
	const char *const argv[] = { "/usr/bin/test", "-r", h->settings_file, NULL };
	const struct process_options o = { .errors = &errors, .timeout = 60, .max_output = 1024 };

	if (!pulp_home_run(h, argv, &o, &out, &status, err))
		return err_wrap(err, "while reading %s as the user %s", h->settings_file, user);
	if (status == 0)
		return true;
	if (h->container && status >= PODMAN_FAILED) {
		(void)err_set(err, ERR_IO, "podman exec in container %s ended with %d: %.*s",
			      h->container, status,
			      errors.len ? (int)strcspn(errors.data, "\n") : 0,
			      errors.len ? errors.data : "");
		return err_hint(err, "It is run as the user %s of the container: pulp.user.", user);
	}
	(void)err_set(err, ERR_DENIED, "the user %s cannot read %s%s%s", user, h->settings_file,
		      h->container ? " in container " : "", h->container ? h->container : "");
	return err_hint(
		err,
		"Pulp itself would ignore the file and use its defaults: give it to the group of the user "
		"%s, or name another user in pulp.user.",
		user);
}

/* In a container the program is looked for there. */
static char *find_there(const struct pulp_home *h, const char *name, struct err *err)
{
	const char *manager = config_get(h->config, "pulp.manager");
	const char *slash = manager ? strrchr(manager, '/') : NULL;

	if (!h->container)
		return pulp_program_find(h->config, name, err);
	return slash ? xasprintf("%.*s/%s", (int)(slash - manager), manager, name) : xstrdup(name);
}

bool pulp_program_run(const struct pulp_home *h, const char *name, const char *const *words,
		      const struct process_options *o, struct strbuf *out, int *ret_status,
		      struct err *err)
{
	char *program AUTO_FREE = find_there(h, name, err);
	size_t n = 0;

	while (words[n])
		n++;
	const char **argv AUTO_FREE = xcalloc(n + 2, sizeof *argv);
	argv[0] = program;
	memcpy(argv + 1, words, n * sizeof *argv);
	return program && pulp_program_may_read(h, err) &&
	       pulp_home_run(h, argv, o, out, ret_status, err);
}

bool pulp_manager_run(const struct config *config, const struct pulp_manager *m, int *ret_status,
		      struct err *err)
{
	AUTO_CONTAINED struct contained in = { .pid = 0 };
	const char *inside = m->place->settings_inside;
	struct unit_environment env;
	struct strbuf out AUTO_STRBUF = { 0 };
	const struct process_options o = { .timeout = m->timeout,
					   .stoppable = true,
					   .max_output = OUTPUT_MAX,
					   .line = m->line,
					   .arg = m->arg };

	if (!m->place->settings_source) {
		AUTO_FREE char *where = contained_elsewhere();

		(void)err_set(err, ERR_CONFIG, "no settings of Pulp were read");
		if (where)
			return err_hint(err, "Run pulpcore-manager in %s by hand.", where);
		return err_hint(err, "Name them in pulp.settings: its own programs need them.");
	}
	contained_find(&in);
	if (inside && !in.pid) {
		(void)err_set(err, ERR_NOT_FOUND, "no container of Pulp runs on this host");
		return err_hint(err, "Start one: Pulp's own programs are run in it.");
	}
	if (!inside)
		contained_release(&in);
	contained_environment(&in, &env);
	const struct pulp_home home = { .config = config,
					.container = in.id,
					.settings_file =
						inside ? inside : m->place->settings_source,
					.env = &env };
	bool ok = pulp_program_run(&home, "pulpcore-manager", m->words, &o, &out, ret_status, err);
	unit_environment_release(&env);
	return ok || err_wrap(err, "while running pulpcore-manager %s", m->words[0]);
}
