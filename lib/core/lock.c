/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host lock: see lock.h. */
#include "lib/core/lock.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char file_name[] = "lock";
static const double looks_end = 1.0; /* seconds; a look takes microseconds */

struct lock {
	int fd;
};

static void read_boot_id(char *out, size_t size)
{
	AUTO_FILE FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	out[0] = '\0';
	if (f && fgets(out, (int)size, f))
		out[strcspn(out, "\n")] = '\0';
}

/* 0 when the process does not exist. */
static unsigned long long read_start_time(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/stat", (int)pid);
	AUTO_FILE FILE *f = fopen(path, "re");
	char text[1024];
	const char *at = f && fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;

	/* Field 2 is the name in brackets and may hold anything; field 3 follows the last bracket.
	 */
	for (int field = 3; at && field <= 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static bool is_alive(const struct lock_owner *o)
{
	char boot[sizeof(o->boot)];

	read_boot_id(boot, sizeof(boot));
	return strcmp(boot, o->boot) == 0 && o->start != 0 && read_start_time(o->pid) == o->start;
}

/* An owner whose text cannot be read is no owner: pid 0. */
static void read_owner(int fd, struct lock_owner *o)
{
	char text[512];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	int pid = 0;

	*o = (struct lock_owner){ 0 };
	if (n <= 0)
		return;
	text[n] = '\0';
	if (sscanf(text, "%d %llu %39s %39s %127[^\n]", &pid, &o->start, o->boot, o->since,
		   o->command) == 5)
		o->pid = (pid_t)pid;
}

static bool write_owner(int fd, const char *command, struct err *err)
{
	char boot[40], now[40];

	read_boot_id(boot, sizeof(boot));
	clock_rfc3339(clock_wall(), now, sizeof(now));

	AUTO_FREE char *text = xasprintf("%d %llu %s %s %s\n", (int)getpid(),
					 read_start_time(getpid()), boot, now, command);

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text) ||
	    fdatasync(fd) < 0)
		return err_errno(err, "cannot write the lock file");
	return true;
}

/* Whether the name still leads to the file that we have open: lock_break puts another there. */
static bool is_current(const char *dir, int fd)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file_name);
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}

static bool refuse(int fd, struct err *err)
{
	struct lock_owner o;
	enum lock_state state;
	char text[256];

	read_owner(fd, &o);
	state = o.pid == 0 || is_alive(&o) ? LOCK_HELD : LOCK_STALE_HOLD;
	lock_explain(state, &o, text, sizeof(text));
	(void)err_set(err, ERR_LOCKED, "the host lock is taken: %s", text);
	if (state == LOCK_STALE_HOLD)
		return err_hint(err, "`plmaint lock break` takes it away from what is left.");
	return err_hint(err, "Wait for that run to end, or look at it with `plmaint lock status`.");
}

/* Whether the lock is held by whom its text names; else by somebody who looks, for a moment. */
static bool has_holder(int fd)
{
	struct lock_owner o;

	read_owner(fd, &o);
	return o.pid != 0 && is_alive(&o);
}

bool lock_take(const char *state_dir, const char *command, struct lock **ret,
	       struct lock_owner *ret_left, struct err *err)
{
	struct lock_owner old;
	double until = clock_monotonic() + looks_end;

	if (!state_dir_make(state_dir, err))
		return false;
	for (;;) {
		AUTO_FD int fd = -1;

		if (!state_open(state_dir, file_name, O_RDWR | O_CREAT, &fd, err))
			return false;

		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno != EWOULDBLOCK)
				return err_errno(err, "cannot lock");
			if (has_holder(fd) || clock_monotonic() > until)
				return refuse(fd, err);
			(void)poll(NULL, 0, 1);
			continue;
		}
		if (!is_current(state_dir, fd))
			continue;
		read_owner(fd, &old);
		if (!write_owner(fd, command, err))
			return false;

		struct lock *l = xcalloc(1, sizeof(*l));

		l->fd = fd;
		fd = -1;
		*ret = l;
		*ret_left = old;
		return true;
	}
}

void lock_release(struct lock *l)
{
	if (!l)
		return;
	/* Emptied first: a text that stays is the sign of an end without a word. */
	if (ftruncate(l->fd, 0) < 0)
		errno = 0; /* then the next run explains a stale text, which does no harm */
	(void)close(l->fd);
	free(l);
}

bool lock_look(const char *state_dir, enum lock_state *ret, struct lock_owner *owner,
	       struct err *err)
{
	AUTO_FD int fd = -1;

	if (!state_open(state_dir, file_name, O_RDONLY, &fd, err)) {
		if (err->code != ERR_NOT_FOUND)
			return false;
		*owner = (struct lock_owner){ 0 };
		*ret = LOCK_FREE;
		return true;
	}
	read_owner(fd, owner);
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		*ret = owner->pid ? LOCK_STALE_TEXT : LOCK_FREE;
	else
		*ret = owner->pid == 0 || is_alive(owner) ? LOCK_HELD : LOCK_STALE_HOLD;
	return true;
}

bool lock_break(const char *state_dir, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", state_dir, file_name);

	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, "cannot remove '%s'", path);
	return state_sync(state_dir, err);
}

void lock_explain(enum lock_state state, const struct lock_owner *o, char *out, size_t size)
{
	char boot[sizeof(o->boot)];

	read_boot_id(boot, sizeof(boot));
	if (state == LOCK_FREE)
		(void)snprintf(out, size, "nobody holds it");
	else if (o->pid == 0)
		(void)snprintf(out, size, "it is held by a process that left no name");
	else if (state == LOCK_HELD)
		(void)snprintf(out, size, "it is held by process %d (%s) since %s", (int)o->pid,
			       o->command, o->since);
	else if (strcmp(boot, o->boot) != 0)
		(void)snprintf(out, size,
			       "process %d (%s) took it at %s, before this host was restarted",
			       (int)o->pid, o->command, o->since);
	else
		(void)snprintf(out, size, "process %d (%s) took it at %s and is gone%s",
			       (int)o->pid, o->command, o->since,
			       state == LOCK_STALE_HOLD ? "; a child of it still holds the file"
							: "");
}
