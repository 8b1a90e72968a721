/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process at the other end of a session, where it is one of this host.
 *
 * A process id of another host, or of another pid namespace, may be that of anybody here: so it is
 * believed only of a process that the server at the other end of the socket is the parent of, or
 * whose title names the port that we come from.
 */
#include "lib/core/mem.h"
#include "lib/drivers/pg_internal.h"
#include "lib/drivers/priority.h"
#include "lib/drivers/proc.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static bool listens(int fd, pid_t server)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return server > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       peer.pid == server;
}

/* PostgreSQL titles a backend "postgres: role database address(port) ...". */
static bool serves(pid_t backend, unsigned port)
{
	AUTO_STRBUF struct strbuf title = { 0 };
	char from[16];

	snprintf(from, sizeof(from), "(%u)", port);
	return proc_read_text(backend, "cmdline", &title) &&
	       strncmp(title.data, "postgres: ", 10) == 0 && strstr(title.data, from) != NULL;
}

static pid_t backend_here(const struct pg *pg)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage room;
	} us = { 0 };
	socklen_t size = sizeof(us);
	pid_t backend = pg_backend_pid(pg);
	int fd = pg_socket(pg);
	bool here = false;

	if (fd < 0 || backend <= 0 || getsockname(fd, &us.any, &size) != 0)
		return 0;
	if (us.any.sa_family == AF_UNIX)
		here = listens(fd, proc_parent(backend));
	else if (us.any.sa_family == AF_INET)
		here = serves(backend, ntohs(us.in.sin_port));
	else if (us.any.sa_family == AF_INET6)
		here = serves(backend, ntohs(us.in6.sin6_port));
	return here ? backend : 0;
}

bool pg_step_back(const struct pg *pg, int far)
{
	pid_t backend = priority_may_raise() ? backend_here(pg) : 0;

	if (backend == 0)
		return false;
	if (far > 0)
		priority_lower_task(backend, far);
	else
		priority_restore(backend, proc_parent(backend));
	return true;
}
