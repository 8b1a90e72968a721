/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LD_PRELOAD: stops the program at the Nth call that changes anything outside of it, counted over
 * all threads: bytes to a socket or a file, a sync, a rename, a removal.  So every state that a
 * kill can leave behind is reached by counting, with no line of this in the product.  The programs
 * that it starts are left alone.
 *
 *	FAULT_AT     N, from 1; 0 only counts
 *	FAULT_KIND   kill: SIGKILL before the call; torn: half of the bytes, then SIGKILL;
 *		     or an errno by name: the call fails once (a socket is shut down as well)
 *	FAULT_CLASS  all (default), net (sockets) or disk (everything else)
 *	FAULT_PATH   only calls to files with this in their path are counted
 *	FAULT_READS  0: messages to PostgreSQL that only ask (a SELECT, a farewell) are not
 *		     counted: a kill before one leaves what one before the next change leaves
 *	FAULT_LOG    file that gets one line: which call it was, or how many there were in all
 *
 * What libc's stdio writes by itself (the report on stdout) does not pass here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { KILL, TORN, FAIL };
enum class { ALL, NET, DISK };

static struct {
	long at;
	enum kind kind;
	int number; /* errno of FAIL */
	enum class class;
	bool changes_only;
	const char *log, *path;
	pid_t pid; /* what it forks is not counted */
} fault;
static atomic_long calls;

static const struct {
	const char *name;
	int number;
} errors[] = { { "ENOSPC", ENOSPC },
	       { "EIO", EIO },
	       { "EPIPE", EPIPE },
	       { "ECONNRESET", ECONNRESET },
	       { "EINTR", EINTR } };

static void note(const char *text)
{
	int fd = fault.log ? open(fault.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	if (fd >= 0) {
		(void)!syscall(SYS_write, fd, text, strlen(text));
		close(fd);
	}
}

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND"),
		   *class = getenv("FAULT_CLASS");

	fault.at = at ? strtol(at, NULL, 10) : 0;
	const char *reads = getenv("FAULT_READS");
	fault.changes_only = reads && strcmp(reads, "0") == 0;
	fault.log = getenv("FAULT_LOG");
	fault.path = getenv("FAULT_PATH");
	fault.class = class && strcmp(class, "net") == 0    ? NET
		      : class && strcmp(class, "disk") == 0 ? DISK
							    : ALL;
	if (kind && strcmp(kind, "torn") == 0)
		fault.kind = TORN;
	for (size_t i = 0; kind && i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(kind, errors[i].name) == 0) {
			fault.kind = FAIL;
			fault.number = errors[i].number;
		}
	}
	fault.pid = getpid();
	unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void)
{
	char text[64];

	if (fault.pid == getpid()) {
		snprintf(text, sizeof(text), "calls %ld\n", atomic_load(&calls));
		note(text);
	}
}

static bool is_socket(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* One message of the protocol: a type, four bytes of length, for Parse a name, then the statement.
 */
static bool only_asks(const char *p, size_t n)
{
	static const char *const acts[] = { "INSERT",	  "UPDATE",	 "DELETE",    "CREATE",
					    "set_config", "pg_advisory", "pg_cancel", "logical" };

	if (n == 5 && p[0] == 'X')
		return true;
	if (n < 16 || (p[0] != 'Q' && p[0] != 'P'))
		return false;
	const char *sql = p[0] == 'Q' ? p + 5 : memchr(p + 5, '\0', n - 5);
	if (sql && p[0] == 'P')
		sql++;
	if (!sql || (size_t)(p + n - sql) < 7 || memcmp(sql, "SELECT ", 7) != 0)
		return false;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (memmem(p, n, acts[i], strlen(acts[i])))
			return false;
	}
	return true;
}

static void die(void)
{
	for (;;)
		syscall(SYS_kill, getpid(), SIGKILL);
}

/* Counts a call; true when it is to be torn or to fail.  Does not return when it is to kill. */
static bool hit(const char *name, int fd, const char *path, const char *p, size_t n)
{
	char link[64], to[PATH_MAX] = "", text[PATH_MAX + 128];
	bool net = is_socket(fd);

	if (net && p && fault.changes_only && only_asks(p, n))
		return false;
	if (fault.pid != getpid() || (fault.class == NET && !net) || (fault.class == DISK && net))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (!path && readlink(link, to, sizeof(to) - 1) < 0)
		to[0] = '\0';
	if (fault.path && !strstr(path ? path : to, fault.path))
		return false;
	if (atomic_fetch_add(&calls, 1) + 1 != fault.at)
		return false;
	snprintf(text, sizeof(text), "call %ld: %s %s\n", fault.at, name, path ? path : to);
	note(text);
	if (fault.kind == KILL)
		die();
	if (fault.kind == FAIL && net)
		shutdown(fd, SHUT_RDWR);
	errno = fault.number;
	return true;
}

/* The function that would have been called; ISO C has no cast from an object pointer to it. */
#define NEXT(name, type, ...)             \
	static type (*next)(__VA_ARGS__); \
	if (!next)                        \
	*(void **)(void *)&next = dlsym(RTLD_NEXT, #name)

#define BYTES(name, params, args, half, said, length)     \
	ssize_t name params                               \
	{                                                 \
		NEXT(name, ssize_t, SIGNATURE_##name);    \
		if (hit(#name, fd, NULL, said, length)) { \
			if (fault.kind == FAIL)           \
				return -1;                \
			(void)!next half;                 \
			die();                            \
		}                                         \
		return next args;                         \
	}

#define SIGNATURE_write int, const void *, size_t
#define SIGNATURE_pwrite int, const void *, size_t, off_t
#define SIGNATURE_pwrite64 int, const void *, size_t, off64_t
#define SIGNATURE_send int, const void *, size_t, int
#define SIGNATURE_sendto int, const void *, size_t, int, const struct sockaddr *, socklen_t
#define SIGNATURE_writev int, const struct iovec *, int
#define SIGNATURE_sendmsg int, const struct msghdr *, int

BYTES(write, (int fd, const void *p, size_t n), (fd, p, n), (fd, p, n / 2), NULL, 0)
BYTES(pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at), (fd, p, n / 2, at), NULL,
      0)
BYTES(pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at), (fd, p, n / 2, at),
      NULL, 0)
BYTES(send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags), (fd, p, n / 2, flags),
      p, n)
BYTES(sendto,
      (int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len),
      (fd, p, n, flags, to, len), (fd, p, n / 2, flags, to, len), NULL, 0)
BYTES(writev, (int fd, const struct iovec *v, int n), (fd, v, n), (fd, v, n / 2), NULL, 0)
BYTES(sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), (fd, m, flags), NULL, 0)

#define WHOLE(name, params, args, signature, fd, path) \
	int name params                                \
	{                                              \
		NEXT(name, int, signature);            \
		if (hit(#name, fd, path, NULL, 0)) {   \
			if (fault.kind == FAIL)        \
				return -1;             \
			die();                         \
		}                                      \
		return next args;                      \
	}
#define COMMA ,

WHOLE(fsync, (int fd), (fd), int, fd, NULL)
WHOLE(fdatasync, (int fd), (fd), int, fd, NULL)
WHOLE(ftruncate, (int fd, off_t n), (fd, n), int COMMA off_t, fd, NULL)
WHOLE(ftruncate64, (int fd, off64_t n), (fd, n), int COMMA off64_t, fd, NULL)
WHOLE(rename, (const char *a, const char *b), (a, b), const char *COMMA const char *, -1, b)
WHOLE(renameat, (int d, const char *a, int e, const char *b), (d, a, e, b),
      int COMMA const char *COMMA int COMMA const char *, -1, b)
WHOLE(unlink, (const char *a), (a), const char *, -1, a)
WHOLE(unlinkat, (int d, const char *a, int flags), (d, a, flags), int COMMA const char *COMMA int,
      -1, a)
WHOLE(mkdir, (const char *a, mode_t mode), (a, mode), const char *COMMA mode_t, -1, a)
WHOLE(mkdirat, (int d, const char *a, mode_t mode), (d, a, mode),
      int COMMA const char *COMMA mode_t, -1, a)
WHOLE(rmdir, (const char *a), (a), const char *, -1, a)
WHOLE(syncfs, (int fd), (fd), int, fd, NULL)
WHOLE(sync_file_range, (int fd, off64_t at, off64_t n, unsigned flags), (fd, at, n, flags),
      int COMMA off64_t COMMA off64_t COMMA unsigned, fd, NULL)
