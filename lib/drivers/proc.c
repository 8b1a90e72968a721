/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads whole files of /proc, whose sizes nobody tells. */
#include "lib/drivers/proc.h"

#include "lib/core/mem.h"

#include <dirent.h>
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

pid_t proc_parent(pid_t pid)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	static const char name[] = "\nPPid:";
	const char *at = proc_read_text(pid, "status", &text) ? strstr(text.data, name) : NULL;

	return at ? (pid_t)strtol(at + strlen(name), NULL, 10) : 0;
}

pid_t proc_find(bool (*fn)(pid_t pid, void *arg), void *arg)
{
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	for (const struct dirent *e; proc && !found && (e = readdir(proc));) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (pid > 0 && fn(pid, arg))
			found = pid;
	}
	if (proc)
		(void)closedir(proc);
	return found;
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
