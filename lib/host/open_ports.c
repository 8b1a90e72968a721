/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets that listen stand in /proc/net/tcp and tcp6 with their inode; whose they are is found
 * among the open files of all processes.  A socket that systemd holds for a service is systemd's.
 */
#include "lib/host/open_ports.h"

#include "lib/core/mem.h"

#include <ctype.h>
#include <dirent.h>
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

static void auto_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define AUTO_DIR __attribute__((cleanup(auto_closedir)))

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

/* Files below /proc are as long as they are: the beginning is enough. */
static size_t read_start(const char *pid, const char *name, char *out, size_t size)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/%s", pid, name);
	AUTO_FILE FILE *f = fopen(path, "re");
	size_t n = f ? fread(out, 1, size - 1, f) : 0;

	out[n] = '\0';
	return n;
}

static void describe(const char *pid, struct open_port *l)
{
	size_t n;

	l->pid = (int)strtol(pid, NULL, 10);
	(void)read_start(pid, "comm", l->program, sizeof(l->program));
	l->program[strcspn(l->program, "\n")] = '\0';
	n = read_start(pid, "cmdline", l->command, sizeof(l->command));
	for (size_t i = 0; i + 1 < n; i++)
		if (!l->command[i])
			l->command[i] = ' ';
}

static void look_at_file(const char *pid, const char *fd, struct all *all)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/fd/%s", pid, fd);
	char target[64];
	unsigned long inode;
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n <= 0)
		return;
	target[n] = '\0';
	if (sscanf(target, "socket:[%lu]", &inode) != 1)
		return;
	for (size_t i = 0; i < all->n; i++)
		/* systemd keeps open what it has handed on to a service. */
		if (all->items[i].inode == inode && all->items[i].l.pid <= 1)
			describe(pid, &all->items[i].l);
}

static void find_owners(struct all *all)
{
	DIR *proc AUTO_DIR = opendir("/proc");

	for (const struct dirent *e; proc && (e = readdir(proc));) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;

		AUTO_FREE char *path = xasprintf("/proc/%s/fd", e->d_name);
		DIR *files AUTO_DIR = opendir(path);

		for (const struct dirent *f; files && (f = readdir(files));)
			look_at_file(e->d_name, f->d_name, all);
	}
}

bool open_ports_find(void (*fn)(void *arg, const struct open_port *l), void *arg, struct err *err)
{
	struct all all = { .n = 0 };
	bool ok = read_table("/proc/net/tcp", &all, err) && read_table("/proc/net/tcp6", &all, err);

	if (ok && all.n > 0)
		find_owners(&all);
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

static unsigned port_of_process(const char *pid)
{
	static const char name[] = "SSH_CONNECTION=";
	AUTO_FREE char *path = xasprintf("/proc/%s/environ", pid);
	AUTO_FILE FILE *f = fopen(path, "re");
	AUTO_FREE char *word = NULL;
	unsigned port = 0;
	size_t size = 0;

	while (f && !port && getdelim(&word, &size, '\0', f) > 0)
		if (strncmp(word, name, sizeof(name) - 1) == 0)
			port = port_of(word + sizeof(name) - 1);
	return port;
}

static void parent_of(char *pid, size_t size)
{
	char text[1024], parent[16] = "0";
	const char *at;

	(void)read_start(pid, "stat", text, sizeof(text));
	/* The name in brackets may hold anything. */
	at = strrchr(text, ')');
	if (at && sscanf(at + 1, " %*c %15[0-9]", parent) != 1)
		(void)snprintf(parent, sizeof(parent), "0");
	(void)snprintf(pid, size, "%s", parent);
}

unsigned open_ports_session(void)
{
	const char *mine = getenv("SSH_CONNECTION");
	unsigned port = mine ? port_of(mine) : 0;
	char pid[16];

	/* sudo takes the variable away from us, not from the shell above. */
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	for (int i = 0; !port && i < MOST_PARENTS && strcmp(pid, "0") != 0; i++) {
		port = port_of_process(pid);
		parent_of(pid, sizeof(pid));
	}
	return port;
}
