/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets that listen stand in /proc/net/tcp and tcp6 with their inode; whose they are is found
 * among the open files of all processes.  A socket that systemd holds for a service is systemd's.
 */
#include "lib/host/open_ports.h"

#include "lib/core/mem.h"
#include "lib/drivers/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PARENTS = 64 };

struct found {
	struct open_port l;
	unsigned long inode;
};
struct all {
	struct found *items;
	size_t n;
};

/* 0100007F, or four such words of which ::1 and ::ffff:127.0.0.1 are loopback. */
static bool is_loopback(const char *address)
{
	size_t len = strlen(address);

	if (len == 8)
		return strcmp(address + 6, "7F") == 0;
	return strcmp(address, "00000000000000000000000001000000") == 0 ||
	       (strncmp(address, "0000000000000000FFFF0000", 24) == 0 &&
		strcmp(address + 30, "7F") == 0);
}

static bool read_table(const char *path, struct all *all, struct err *err)
{
	AUTO_FILE FILE *f = fopen(path, "re");
	char line[512], address[40];
	unsigned port, state;
	unsigned long inode;

	if (!f && errno == ENOENT)
		return true; /* a kernel without IPv6 */
	if (!f)
		return err_errno(err, "cannot read %s", path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*d: %39[0-9A-F]:%4X %*s %2X %*s %*s %*s %*s %*s %lu", address,
			   &port, &state, &inode) != 4 ||
		    state != 0x0a)
			continue;
		all->items = xrealloc(all->items, (all->n + 1) * sizeof(*all->items));
		all->items[all->n++] =
			(struct found){ .l = { .port = port, .loopback = is_loopback(address) },
					.inode = inode };
	}
	return true;
}

static void describe(pid_t pid, struct open_port *l)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	l->pid = (int)pid;
	l->program[0] = l->command[0] = '\0';
	if (proc_read(pid, "comm", &text))
		(void)snprintf(l->program, sizeof(l->program), "%.*s",
			       (int)strcspn(text.data, "\n"), text.data);
	if (!proc_read(pid, "cmdline", &text))
		return;
	for (size_t i = 0; i + 1 < text.len; i++)
		if (!text.data[i])
			text.data[i] = ' ';
	(void)snprintf(l->command, sizeof(l->command), "%s", text.data);
}

struct owner {
	struct all *all;
	pid_t pid;
};

static bool own(unsigned long inode, void *arg)
{
	const struct owner *o = arg;

	for (size_t i = 0; i < o->all->n; i++)
		/* systemd keeps open what it has handed on to a service. */
		if (o->all->items[i].inode == inode && o->all->items[i].l.pid <= 1)
			describe(o->pid, &o->all->items[i].l);
	return false;
}

static bool own_all(pid_t pid, void *arg)
{
	struct owner o = { .all = arg, .pid = pid };

	return proc_sockets(pid, own, &o);
}

bool open_ports_find(void (*fn)(void *arg, const struct open_port *l), void *arg, struct err *err)
{
	struct all all = { .n = 0 };
	bool ok = read_table("/proc/net/tcp", &all, err) && read_table("/proc/net/tcp6", &all, err);

	if (ok && all.n > 0)
		(void)proc_find(own_all, &all);
	for (size_t i = 0; ok && i < all.n; i++)
		fn(arg, &all.items[i].l);
	free(all.items);
	return ok;
}

/* "CLIENT PORT SERVER PORT" */
static unsigned port_of(const char *connection)
{
	unsigned port;

	return sscanf(connection, "%*s %*u %*s %u", &port) == 1 && port < 65536 ? port : 0;
}

static unsigned port_of_process(pid_t pid)
{
	AUTO_FREE char *connection = proc_variable(pid, "SSH_CONNECTION");

	return connection ? port_of(connection) : 0;
}

unsigned open_ports_session(void)
{
	const char *mine = getenv("SSH_CONNECTION");
	unsigned port = mine ? port_of(mine) : 0;
	pid_t pid = getpid();

	/* sudo takes the variable away from us, not from the shell above. */
	for (int i = 0; !port && i < MOST_PARENTS && pid > 0; i++) {
		port = port_of_process(pid);
		pid = proc_parent(pid);
	}
	return port;
}
