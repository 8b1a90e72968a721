/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By /proc: a process that ends meanwhile is none. */
#include "lib/host/process_unit.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/container.h"
#include "lib/drivers/proc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_SOCKETS = 64, LISTENS = 0x0a };

/* Where Podman keeps the processes of a container apart. */
static const char podmans[] = "/libpod-";

/* The last part of the path that names a unit; one of a user's own manager is not the system's, nor
 * is one of a systemd in a container. */
static char *unit_in_path(const char *path)
{
	static const char service[] = ".service";
	const char *inside = strstr(path, podmans);
	char *found = NULL;

	for (const char *p = path; *p && (!inside || p < inside);) {
		size_t len = strcspn(p, "/"), tail = sizeof(service) - 1;

		if (len > tail && strncmp(p + len - tail, service, tail) == 0) {
			free(found);
			found = xstrndup(p, len);
		}
		p += len + (p[len] == '/');
	}
	if (found && strstr(path, "/user@")) {
		free(found);
		found = NULL;
	}
	return found;
}

/* Hierarchies that systemd may keep its units in, the surest first: its own of version 1, that of
 * version 2, and those of controllers. */
char *unit_in_cgroup(const char *text)
{
	static const char *const marks[] = { ":name=systemd:", "0::", ":" };

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
			AUTO_FREE char *line = xstrndup(p, strcspn(p, "\n"));
			const char *path = strstr(line, marks[i]);
			char *unit = path ? unit_in_path(path + strlen(marks[i])) : NULL;

			if (unit)
				return unit;
		}
	}
	return NULL;
}

/* A container may have a group of its own beside the unit; who watches over it is in the unit. */
char *unit_of_process(pid_t pid)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	for (; pid > 1 && proc_read_text(pid, "cgroup", &text); pid = proc_parent(pid)) {
		char *unit = unit_in_cgroup(text.data);

		if (unit || !strstr(text.data, podmans))
			return unit;
	}
	return NULL;
}

bool process_is(pid_t pid, const char *program)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	size_t len = strlen(program);

	return proc_read_text(pid, "comm", &text) && strncmp(text.data, program, len) == 0 &&
	       text.data[len] == '\n';
}

/* Numbers are used again: what signed on under this one must still look like Pulp, as the
 * sessions of its role do, too ("postgres: pulp pulp [local] idle"). */
static bool is_pulps(pid_t pid)
{
	AUTO_STRBUF struct strbuf words = { 0 };

	return proc_read_text(pid, "cmdline", &words) && strstr(words.data, "pulp") &&
	       !process_is(pid, "postgres");
}

/* Whether the process is in a container, where it has this number, and the container this name. */
static bool is_inside(pid_t pid, long inner, const char *host)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	const char *line, *last = NULL;

	if (!proc_read_text(pid, "status", &text) || !(line = strstr(text.data, "\nNSpid:")))
		return false;
	line += strlen("\nNSpid:");
	for (const char *p = line; *p && *p != '\n'; p++)
		if (isdigit((unsigned char)*p) && !isdigit((unsigned char)p[-1]))
			last = p;
	if (!last || last == line + strspn(line, " \t") || strtol(last, NULL, 10) != inner)
		return false;
	/* Podman calls a container by the beginning of its id, unless it is told. */
	AUTO_FREE char *id = container_of_process(pid);
	if (id && strcmp(id, host) == 0)
		return true;
	return proc_read_text(pid, "root/etc/hostname", &text) &&
	       strncmp(text.data, host, strlen(host)) == 0 && strchr("\n", text.data[strlen(host)]);
}

struct signature {
	long pid;
	const char *host;
	pid_t after;
};

static bool signed_inside(pid_t pid, void *arg)
{
	const struct signature *s = arg;

	return pid > s->after && is_inside(pid, s->pid, s->host) && is_pulps(pid);
}

pid_t process_of_heartbeat(const char *name, pid_t after)
{
	const char *at = strchr(name, '@');
	struct signature s = { .pid = strtol(name, NULL, 10),
			       .host = at ? at + 1 : NULL,
			       .after = after };
	char here[256] = "";

	if (s.pid <= 0 || !s.host || !*s.host)
		return 0;
	(void)gethostname(here, sizeof(here) - 1);
	if (after == 0 && strcmp(here, s.host) == 0 && is_pulps((pid_t)s.pid))
		return (pid_t)s.pid;
	return proc_find(signed_inside, &s);
}

struct sockets {
	unsigned long inodes[MOST_SOCKETS];
	size_t n;
};

static void add_inode(struct sockets *s, unsigned long inode)
{
	if (inode && s->n < MOST_SOCKETS)
		s->inodes[s->n++] = inode;
}

/* sl local rem st tx:rx tr:when retrnsmt uid timeout inode */
static void add_tcp(struct sockets *s, const char *file, unsigned port)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	(void)proc_read_text(0, file, &text);
	for (const char *p = text.len ? text.data : ""; *p;
	     p += strcspn(p, "\n"), p += *p == '\n') {
		unsigned local, state;
		unsigned long inode;

		if (sscanf(p,
			   " %*d: %*32[0-9A-Fa-f]:%x %*32[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu",
			   &local, &state, &inode) == 3 &&
		    local == port && state == LISTENS)
			add_inode(s, inode);
	}
}

/* /var/run is a link to /run. */
static const char *without_var(const char *path)
{
	return strncmp(path, "/var/run/", 9) == 0 ? path + 4 : path;
}

/* Num RefCount Protocol Flags Type St Inode Path; what listens has flag 0x10000. */
static void add_unix(struct sockets *s, const char *path)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	(void)proc_read_text(0, "net/unix", &text);
	for (const char *p = text.len ? text.data : ""; *p;
	     p += strcspn(p, "\n"), p += *p == '\n') {
		AUTO_FREE char *line = xstrndup(p, strcspn(p, "\n"));
		const char *bound = strchr(line, '/');
		unsigned long inode;
		unsigned flags;

		if (bound && strcmp(without_var(bound), without_var(path)) == 0 &&
		    sscanf(line, "%*s %*s %*s %x %*s %*s %lu", &flags, &inode) == 2 &&
		    flags & 0x10000)
			add_inode(s, inode);
	}
}

static bool is_one_of(unsigned long inode, void *arg)
{
	const struct sockets *s = arg;

	for (size_t i = 0; i < s->n; i++)
		if (s->inodes[i] == inode)
			return true;
	return false;
}

/* systemd keeps open what it has handed on to a service. */
static bool holds_socket(pid_t pid, void *arg)
{
	return pid > 1 && proc_sockets(pid, is_one_of, arg);
}

pid_t process_that_listens(const char *host, const char *port)
{
	struct sockets s = { .n = 0 };

	if (host && *host == '/') {
		add_unix(&s, host);
	} else {
		unsigned number = (unsigned)strtoul(port, NULL, 10);

		add_tcp(&s, "net/tcp", number);
		add_tcp(&s, "net/tcp6", number);
	}
	return s.n ? proc_find(holds_socket, &s) : 0;
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (!b || a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 &&
	       memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
		      &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr,
		      sizeof(struct in6_addr)) == 0;
}

bool host_is_here(const char *host)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	struct ifaddrs *mine = NULL;
	bool here = false;

	if (!host || !*host || *host == '/' || *host == '@')
		return true;
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	if (getifaddrs(&mine) == 0) {
		for (const struct addrinfo *a = found; a; a = a->ai_next)
			for (const struct ifaddrs *i = mine; i; i = i->ifa_next)
				here |= same_address(a->ai_addr, i->ifa_addr);
		freeifaddrs(mine);
	}
	freeaddrinfo(found);
	return here;
}
