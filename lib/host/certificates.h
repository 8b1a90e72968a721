/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of certificates that this host's web server, Katello and smart proxy are configured with.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Calls fn once for each file; its text is borrowed for the call. */
void certificates_find(void (*fn)(void *arg, const char *path), void *arg);
/* Those that may sign them beside the system's: of Katello and the smart proxy, where they exist.
 */
void certificates_authorities(void (*fn)(void *arg, const char *path), void *arg);
/* The files that a comma separated list names. */
void certificates_listed(const char *list, void (*fn)(void *arg, const char *path), void *arg);
/* For the test: those named in the text of a configuration of nginx or Apache. */
void certificates_named(const char *text, void (*fn)(void *arg, const char *path), void *arg);
/* Whether a site that this host's web server is configured for has the word. */
bool web_server_says(const char *word);
