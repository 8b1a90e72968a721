/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening a name without leaving a root.  Relative symlinks that stay below it are followed,
 * absolute ones and ".." beyond it are refused with EXDEV.
 */
#include "lib/core/mem.h"
#include "lib/drivers/fs_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	MAX_LINKS = 40, /* as the kernel */
	MAX_DEPTH = 64,
	MAX_RACES = 32
};

static int openat2_retrying(int root, const char *name, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)flags,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd;
	int races = 0;
	/* EAGAIN: something was renamed while ".." was looked at. */
	do
		fd = syscall(SYS_openat2, root, name, &how, sizeof how);
	while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++races < MAX_RACES)));
	return (int)fd;
}

int fs_open_beneath(int root, const char *name, int flags)
{
	return openat2_retrying(root, name, flags);
}

bool fs_has_openat2(int root)
{
	AUTO_FD int fd = openat2_retrying(root, ".", O_PATH | O_CLOEXEC);
	return fd >= 0;
}

/* Where a walk stands: the directories from the root down, and what is left of the name. */
struct walk {
	int root, fds[MAX_DEPTH], depth;
	int links;
	char rest[2 * PATH_MAX];
};

static int top(const struct walk *w)
{
	return w->depth ? w->fds[w->depth - 1] : w->root;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* Cuts the next component out of rest, without slashes; "" at the end.  *ret_more: a slash
 * followed. */
static void next_component(struct walk *w, char name[NAME_MAX + 2], bool *ret_more)
{
	size_t skip = strspn(w->rest, "/");
	size_t len = strcspn(w->rest + skip, "/");
	size_t kept = len > NAME_MAX ? NAME_MAX + 1 : len; /* too long stays too long */
	memcpy(name, w->rest + skip, kept);
	name[kept] = '\0';
	*ret_more = w->rest[skip + len] == '/';
	memmove(w->rest, w->rest + skip + len, strlen(w->rest + skip + len) + 1);
}

/* Puts the target of the link at fd in front of the rest. */
static int follow(struct walk *w, int fd)
{
	char target[PATH_MAX], joined[sizeof w->rest];
	ssize_t len = readlinkat(fd, "", target, sizeof target);
	if (len < 0)
		return -1;
	if (++w->links > MAX_LINKS)
		return fail(ELOOP);
	if (len > 0 && target[0] == '/')
		return fail(EXDEV);
	size_t rest = strlen(w->rest);
	if ((size_t)len + rest + 1 > sizeof joined)
		return fail(ENAMETOOLONG);
	memcpy(joined, target, (size_t)len);
	memcpy(joined + len, w->rest, rest + 1);
	memcpy(w->rest, joined, (size_t)len + rest + 1);
	return 0;
}

/* 1 when the name is used up: *ret_fd is what it leads to.  0 to go on, -1 with errno. */
static int step(struct walk *w, int flags, int *ret_fd)
{
	char name[NAME_MAX + 2];
	bool more;
	next_component(w, name, &more);
	if (!name[0] || strcmp(name, ".") == 0) {
		if (w->rest[0])
			return 0;
		/* The name led to a directory that we are in already. */
		*ret_fd = openat(top(w), ".", flags);
		return *ret_fd < 0 ? -1 : 1;
	}
	if (strcmp(name, "..") == 0) {
		if (w->depth == 0)
			return fail(EXDEV);
		close(w->fds[--w->depth]);
		return 0;
	}
	AUTO_FD int fd = openat(top(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return -1;
	if (S_ISLNK(st.st_mode))
		return follow(w, fd);
	if (S_ISDIR(st.st_mode) && more) {
		if (w->depth == MAX_DEPTH)
			return fail(ENAMETOOLONG);
		w->fds[w->depth++] = fd;
		fd = -1;
		return 0;
	}
	if (more)
		return fail(ENOTDIR);
	*ret_fd = openat(top(w), name, flags | O_NOFOLLOW);
	return *ret_fd < 0 ? -1 : 1;
}

int fs_open_walking(int root, const char *name, int flags)
{
	struct walk w = { .root = root };
	size_t len = strlen(name);
	if (len == 0)
		return fail(ENOENT);
	if (len >= PATH_MAX)
		return fail(ENAMETOOLONG);
	if (name[0] == '/')
		return fail(EXDEV);
	memcpy(w.rest, name, len + 1);
	int fd = -1, done;
	do
		done = step(&w, flags, &fd);
	while (done == 0 || (done < 0 && errno == EINTR));
	int saved = errno;
	while (w.depth > 0)
		close(w.fds[--w.depth]);
	errno = saved;
	return done > 0 ? fd : -1;
}
