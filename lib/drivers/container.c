/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control groups name the container, but for those that Podman was told to make none for; who
 * watches over it has its id among its words.  Names of files are compared by the mounts of both
 * sides (proc_pid_mountinfo(5)), and a name that was found so is tried.
 */
#include "lib/drivers/container.h"

#include "lib/core/mem.h"
#include "lib/drivers/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SHORT_ID = 12, MOST_PARENTS = 64 };
static const char digits[] = "0123456789abcdef";

/* Where the id begins: libpod-ID.scope, libpod-payload-ID, docker-ID.scope, docker/ID */
static const char *id_in_cgroup(const char *text, bool *ret_docker)
{
	static const char *const marks[] = { "/libpod-payload-", "/libpod-", "/docker-",
					     "/docker/" };

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const char *at = strstr(text, marks[i]);
		size_t len = at ? strspn(at + strlen(marks[i]), digits) : 0;

		*ret_docker = marks[i][1] == 'd';
		if (len >= SHORT_ID)
			return at + strlen(marks[i]);
	}
	return NULL;
}

char *container_in_cgroup(const char *text)
{
	bool docker;
	const char *id = id_in_cgroup(text, &docker);

	return id ? xstrndup(id, SHORT_ID) : NULL;
}

char *container_of_watcher(const char *words)
{
	const char *program = words, *end = strchrnul(words, ' '), *at = words;

	for (const char *p = words; p < end; p++)
		program = *p == '/' ? p + 1 : program;
	if (end - program != 6 || strncmp(program, "conmon", 6) != 0)
		return NULL;
	while ((at = strstr(at, " -c "))) {
		at += strlen(" -c ");
		if (strspn(at, digits) >= SHORT_ID)
			return xstrndup(at, SHORT_ID);
	}
	return NULL;
}

/* Caller frees *ret_id.  0: nobody watches over the process. */
static pid_t watcher_of(pid_t pid, char **ret_id)
{
	AUTO_STRBUF struct strbuf words = { 0 };

	*ret_id = NULL;
	for (int i = 0; i < MOST_PARENTS && (pid = proc_parent(pid)) > 1; i++)
		if (proc_read_text(pid, "cmdline", &words) &&
		    (*ret_id = container_of_watcher(words.data)))
			return pid;
	return 0;
}

char *container_of_process(pid_t pid)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	char *id = proc_read_text(pid, "cgroup", &text) ? container_in_cgroup(text.data) : NULL;

	if (!id)
		(void)watcher_of(pid, &id);
	return id;
}

char *container_keeper(pid_t pid)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	AUTO_FREE char *id = NULL;
	struct passwd pw, *found = NULL;
	char buf[1024];
	uid_t user = 0;
	bool docker;

	if (proc_read_text(pid, "cgroup", &text) && id_in_cgroup(text.data, &docker) && docker)
		return xstrdup("Docker");
	pid = watcher_of(pid, &id);
	if (!pid || !proc_user(pid, &user) || user == 0)
		return NULL;
	if (getpwuid_r(user, &pw, buf, sizeof(buf), &found) == 0 && found)
		return xasprintf("the Podman of the user %s", found->pw_name);
	return xasprintf("the Podman of the user %u", (unsigned)user);
}

int container_open(pid_t pid, const char *path, int flags)
{
	AUTO_FREE char *top = xasprintf("/proc/%d/root", (int)pid);
	AUTO_FD int root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	/* Kernels before 5.6: only a link to an absolute name is then read as one of the host's. */
	if (root >= 0 && fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(root, path + strspn(path, "/"), flags | O_CLOEXEC);
	return fd;
}

struct mounted {
	int id;
	char device[24], root[PATH_MAX], point[PATH_MAX];
};

/* id parent device root point ... */
static bool parse(const char *line, struct mounted *ret)
{
	AUTO_FREE char *copy = xstrndup(line, strcspn(line, "\n"));
	char *rest = NULL;
	const char *id = strtok_r(copy, " ", &rest), *parent = strtok_r(NULL, " ", &rest);
	const char *device = strtok_r(NULL, " ", &rest), *root = strtok_r(NULL, " ", &rest);
	const char *point = strtok_r(NULL, " ", &rest);

	if (!id || !parent || !device || !root || !point)
		return false;
	ret->id = (int)strtol(id, NULL, 10);
	(void)snprintf(ret->device, sizeof(ret->device), "%s", device);
	(void)snprintf(ret->root, sizeof(ret->root), "%s", root);
	(void)snprintf(ret->point, sizeof(ret->point), "%s", point);
	proc_unescape(ret->root);
	proc_unescape(ret->point);
	return true;
}

static const char *next_line(const char *p)
{
	p += strcspn(p, "\n");
	return p + (*p == '\n');
}

/* What is below the directory, with its slash; NULL: it is not. */
static const char *below(const char *path, const char *dir)
{
	size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	if (strncmp(path, dir, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path + len;
}

static int mount_of_fd(int fd)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	AUTO_FREE char *name = xasprintf("fdinfo/%d", fd);
	static const char word[] = "mnt_id:";
	const char *at = proc_read_text(getpid(), name, &text) ? strstr(text.data, word) : NULL;

	return at ? (int)strtol(at + strlen(word), NULL, 10) : -1;
}

/* Device and path on it of an open file, by the mounts of the process. */
static bool place_of(pid_t pid, int fd, char device[24], char **ret)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	AUTO_FREE char *link = xasprintf("/proc/self/fd/%d", fd);
	char path[PATH_MAX];
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	int id = mount_of_fd(fd);
	struct mounted m;

	path[n > 0 ? n : 0] = '\0';
	if (n <= 0 || !proc_read_text(pid, "mountinfo", &text))
		return false;
	for (const char *p = text.data; *p; p = next_line(p)) {
		const char *inner = parse(p, &m) && m.id == id ? below(path, m.point) : NULL;

		if (!inner)
			continue;
		(void)snprintf(device, 24, "%s", m.device);
		*ret = xasprintf("%s%s", strcmp(m.root, "/") == 0 ? "" : m.root, inner);
		return true;
	}
	return false;
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

char *container_path_on_host(pid_t pid, const char *path)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	AUTO_FD int fd = container_open(pid, path, O_PATH);
	AUTO_FREE char *inner = NULL;
	char device[24];
	struct mounted m;

	if (fd < 0 || !place_of(pid, fd, device, &inner) ||
	    !proc_read_text(getpid(), "mountinfo", &text))
		return NULL;
	for (const char *p = text.data; *p; p = next_line(p)) {
		const char *rest =
			parse(p, &m) && strcmp(m.device, device) == 0 ? below(inner, m.root) : NULL;
		AUTO_FREE char *name =
			rest ? xasprintf("%s%s", strcmp(m.point, "/") == 0 ? "" : m.point, rest)
			     : NULL;

		if (name && same_file(fd, *name ? name : "/"))
			return *name ? TAKE(name) : xstrdup("/");
	}
	return NULL;
}
