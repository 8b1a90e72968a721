/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads whole files of /proc, whose sizes nobody tells. */
#include "lib/drivers/proc.h"

#include "lib/core/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_TEXT = 4 << 20 };

bool proc_read(pid_t pid, const char *name, struct strbuf *out)
{
	AUTO_FREE char *path =
		pid ? xasprintf("/proc/%d/%s", (int)pid, name) : xasprintf("/proc/%s", name);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n;

	strbuf_clear(out);
	while (fd >= 0 && out->len < MOST_TEXT && (n = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(out, buf, (size_t)n);
	return out->len > 0;
}

bool proc_read_text(pid_t pid, const char *name, struct strbuf *out)
{
	bool any = proc_read(pid, name, out);

	for (size_t i = 0; i < out->len; i++)
		out->data[i] = out->data[i] ? out->data[i] : ' ';
	return any;
}

/* The first number of a line of its status. */
static bool status_number(pid_t pid, const char *name, long *ret)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	const char *at = proc_read_text(pid, "status", &text) ? strstr(text.data, name) : NULL;

	if (at)
		*ret = strtol(at + strlen(name), NULL, 10);
	return at != NULL;
}

pid_t proc_parent(pid_t pid)
{
	long parent = 0;

	(void)status_number(pid, "\nPPid:", &parent);
	return (pid_t)parent;
}

bool proc_user(pid_t pid, uid_t *ret)
{
	long user;

	if (!status_number(pid, "\nUid:", &user))
		return false;
	*ret = (uid_t)user;
	return true;
}

pid_t proc_find(bool (*fn)(pid_t pid, void *arg), void *arg)
{
	AUTO_DIR DIR *proc = opendir("/proc");

	for (const struct dirent *e; proc && (e = readdir(proc));) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (pid > 0 && fn(pid, arg))
			return pid;
	}
	return 0;
}

char *proc_variable(pid_t pid, const char *name)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	size_t len = strlen(name);

	if (!proc_read(pid, "environ", &text))
		return NULL;
	for (const char *p = text.data; p < text.data + text.len; p += strlen(p) + 1)
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			return xstrdup(p + len + 1);
	return NULL;
}

bool proc_sockets(pid_t pid, bool (*fn)(unsigned long inode, void *arg), void *arg)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/fd", (int)pid);
	AUTO_DIR DIR *files = opendir(path);
	char target[64];
	unsigned long inode;

	for (const struct dirent *e; files && (e = readdir(files));) {
		ssize_t n = readlinkat(dirfd(files), e->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		if (sscanf(target, "socket:[%lu]", &inode) == 1 && fn(inode, arg))
			return true;
	}
	return false;
}

void proc_unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}
