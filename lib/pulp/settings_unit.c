/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * systemctl quotes the words of Environment= as a shell would; a file named by EnvironmentFile=
 * holds one assignment a line (systemd.exec(5)).  Later assignments win, files win over words.
 */
#include "lib/pulp/settings_unit.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/process.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "PULP_";
enum { PREFIX_LEN = sizeof prefix - 1, FILE_MAX = 1 << 20 };

static const char *const units[] = { "pulpcore-api.service", "pulpcore-content.service",
				     "pulpcore-worker@1.service" };

/* Takes one "NAME=value"; keeps it when it is Pulp's. */
static void add(struct unit_environment *env, const char *assignment)
{
	const char *equals = strchr(assignment, '=');

	if (!equals || strncmp(assignment, prefix, PREFIX_LEN) != 0)
		return;
	size_t name = (size_t)(equals - assignment) + 1;
	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->vars[i], assignment, name) == 0) {
			free(env->vars[i]);
			env->vars[i] = xstrdup(assignment);
			return;
		}
	}
	env->vars = xrealloc(env->vars, (env->n + 2) * sizeof *env->vars);
	env->vars[env->n++] = xstrdup(assignment);
	env->vars[env->n] = NULL;
}

/* One word up to an unquoted blank or line end; p moves behind it. */
static void take_word(const char **p, const char *stop, struct strbuf *word)
{
	char quote = 0;

	for (; **p && (quote || !strchr(stop, **p)); (*p)++) {
		if (quote == 0 && (**p == '"' || **p == '\'')) {
			quote = **p;
		} else if (**p == quote) {
			quote = 0;
		} else if (**p == '\\' && quote != '\'' && (*p)[1]) {
			(*p)++;
			if (**p != '\n')
				strbuf_add(word, *p, 1);
		} else {
			strbuf_add(word, *p, 1);
		}
	}
}

void unit_environment_add_block(struct unit_environment *env, const char *block, size_t len)
{
	for (size_t at = 0; at < len; at += strlen(block + at) + 1)
		add(env, block + at);
}

void unit_environment_add_words(struct unit_environment *env, const char *words)
{
	struct strbuf word AUTO_STRBUF = { 0 };

	for (const char *p = words; *p;) {
		strbuf_clear(&word);
		take_word(&p, " \t\n", &word);
		if (word.len)
			add(env, word.data);
		p += strspn(p, " \t\n");
	}
}

void unit_environment_add_lines(struct unit_environment *env, const char *lines)
{
	struct strbuf word AUTO_STRBUF = { 0 };

	for (const char *p = lines; *p;) {
		p += strspn(p, " \t\r\n");
		if (*p == '#' || *p == ';') {
			p += strcspn(p, "\n");
			continue;
		}
		strbuf_clear(&word);
		take_word(&p, "\n", &word);
		while (word.len && strchr(" \t\r", word.data[word.len - 1]))
			word.data[--word.len] = '\0';
		if (word.len)
			add(env, word.data);
	}
}

static void add_file(struct unit_environment *env, const char *path)
{
	struct strbuf text AUTO_STRBUF = { 0 };
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char buf[4096];
	ssize_t n;

	while (fd >= 0 && text.len < FILE_MAX && (n = read(fd, buf, sizeof buf)) > 0)
		strbuf_add(&text, buf, (size_t)n);
	if (text.len)
		unit_environment_add_lines(env, text.data);
}

/* "/etc/default/pulp (ignore_errors=yes)" */
static void add_file_line(struct unit_environment *env, const char *line, size_t len)
{
	char *path AUTO_FREE = xstrndup(line, len);
	char *note = strstr(path, " (");

	if (note)
		*note = '\0';
	if (*path == '/')
		add_file(env, path);
}

static void read_unit(struct unit_environment *env, const char *unit)
{
	static const char words[] = "Environment=", files[] = "EnvironmentFiles=";
	struct strbuf out AUTO_STRBUF = { 0 };
	struct err err = { .code = ERR_NONE };
	int status;
	const char *const argv[] = { "systemctl",	 "show", "-p", "Environment", "-p",
				     "EnvironmentFiles", "--",	 unit, NULL };
	const struct process_options o = { .argv = argv, .timeout = 10, .max_output = FILE_MAX };

	if (!process_run(&o, &out, &status, &err) || status != 0 || !out.len)
		return;
	for (int pass = 0; pass < 2; pass++) {
		for (const char *p = out.data; *p;) {
			size_t len = strcspn(p, "\n");
			if (pass == 0 && strncmp(p, words, sizeof words - 1) == 0) {
				char *line AUTO_FREE = xstrndup(p, len);
				unit_environment_add_words(env, line + sizeof words - 1);
			} else if (pass == 1 && strncmp(p, files, sizeof files - 1) == 0) {
				add_file_line(env, p + sizeof files - 1, len - (sizeof files - 1));
			}
			p += len + (p[len] == '\n');
		}
	}
}

void unit_environment_read(struct unit_environment *env)
{
	struct stat st;

	*env = (struct unit_environment){ .vars = NULL };
	/* sd_booted(3): this directory exists exactly when systemd is the init system. */
	if (lstat("/run/systemd/system", &st) != 0 || !S_ISDIR(st.st_mode))
		return;
	for (size_t i = 0; i < ARRAY_LEN(units) && env->n == 0; i++)
		read_unit(env, units[i]);
}

void unit_environment_release(struct unit_environment *env)
{
	for (size_t i = 0; i < env->n; i++)
		free(env->vars[i]);
	free(env->vars);
	*env = (struct unit_environment){ .vars = NULL };
}

const char *unit_environment_get(const struct unit_environment *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->vars[i], name, len) == 0 && env->vars[i][len] == '=')
			return env->vars[i] + len + 1;
	return NULL;
}

bool unit_environment_overrides(const struct unit_environment *env, const char *const *settings)
{
	for (size_t i = 0; i < env->n; i++) {
		const char *name = env->vars[i] + PREFIX_LEN;
		for (size_t k = 0; settings[k]; k++) {
			size_t len = strlen(settings[k]);
			if (strncasecmp(name, settings[k], len) == 0 &&
			    (name[len] == '=' || strncmp(name + len, "__", 2) == 0))
				return true;
		}
	}
	return false;
}
