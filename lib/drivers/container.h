/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Containers as the host sees them, by one of their processes: nobody who runs them is asked. */
#pragma once
#include "lib/core/err.h"
#include <sys/types.h>

/* The first twelve digits of the id of the container that a process is in, of Podman or Docker, by
 * the text of /proc/PID/cgroup; NULL: in none.  Caller frees. */
char *container_in_cgroup(const char *text);
/* The same by the words of conmon, which watches over a container of Podman. */
char *container_of_watcher(const char *words);
/* Of a process of this host. */
char *container_of_process(pid_t pid);
/* Who keeps the container that a process is in: "Docker", or "the Podman of the user pulp"; NULL:
 * root's Podman.  Caller frees. */
char *container_keeper(pid_t pid);
/* Opens what the process calls by this absolute name.  The descriptor, or -1 with errno. */
int container_open(pid_t pid, const char *path, int flags);
/* The name that the host itself has for it; NULL: none, as for what is in the image alone.  Caller
 * frees. */
char *container_path_on_host(pid_t pid, const char *path);
