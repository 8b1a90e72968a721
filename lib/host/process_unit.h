/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what runs to the unit that runs it: the control group of a process names its unit, also
 * where a container runs in a unit of its own.  Names of units differ between installers, what
 * runs does not.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* The system's unit in the text of /proc/PID/cgroup; NULL: none.  Caller frees. */
char *unit_in_cgroup(const char *text);
/* Of a process of this host; NULL: there is no such process, or it is in no unit. */
char *unit_of_process(pid_t pid);
/*
 * The process of this host that signs on in Pulp's database under a name "pid@host", where host may
 * also be that of a container here; 0: there is none.  Containers that share the host's name may
 * have several: after is 0 for the first of them, and each for the next.
 */
pid_t process_of_heartbeat(const char *name, pid_t after);
/* Whether the process is one of this program, as "postgres". */
bool process_is(pid_t pid, const char *program);
/*
 * Who listens there, beside systemd itself; 0: nobody that we may see, which takes root.  A host
 * that begins with a slash is the path of a socket.
 */
pid_t process_that_listens(const char *host, const char *port);
/* Whether a server of that host name or address is on this host; NULL, "" and a path are. */
bool host_is_here(const char *host);
