/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The environment of Pulp's services.  dynaconf lets PULP_<NAME> override the settings file, and
 * what counts is what the services were given, not what the shell of the operator happens to hold.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct unit_environment {
	char **vars; /* "PULP_X=value", owned, NULL-terminated; NULL when empty */
	size_t n;
};

/* Empty where there is no systemd or no unit of Pulp. */
void unit_environment_read(struct unit_environment *env);
void unit_environment_release(struct unit_environment *env);
/* Borrowed; NULL when not set. */
const char *unit_environment_get(const struct unit_environment *env, const char *name);
/* Does a variable override one of these settings, whole (PULP_NAME) or in part (PULP_NAME__key)? */
bool unit_environment_overrides(const struct unit_environment *env, const char *const *settings);

/* Pure parsers: of /proc/PID/environ, of the words of systemctl's Environment=, and of the lines of
 * an EnvironmentFile. */
void unit_environment_add_block(struct unit_environment *env, const char *block, size_t len);
void unit_environment_add_words(struct unit_environment *env, const char *words);
void unit_environment_add_lines(struct unit_environment *env, const char *lines);
