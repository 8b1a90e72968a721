/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names that a database may hold and files that may lie there: what is read, what is refused and
 * as what.  Both ways to open are held against each other.
 */
#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/fs_internal.h"
#include "tests/harness/tap.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static struct err err;
static char base[] = "/tmp/plmaint-fs-XXXXXX"; /* holds root/ and outside/ */

static void put(const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", base, name);
	AUTO_FILE FILE *f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0);
}

static void at(const char *name, int (*make)(const char *path))
{
	AUTO_FREE char *path = xasprintf("%s/%s", base, name);
	CHECK(make(path) == 0);
}

static int make_dir(const char *path)
{
	return mkdir(path, 0755);
}

static int make_fifo(const char *path)
{
	return mkfifo(path, 0644);
}

static int make_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return bind(fd, (struct sockaddr *)&a, sizeof a);
}

static void link_to(const char *target, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", base, name);
	CHECK(symlink(target, path) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static struct fs_root *open_root(void)
{
	AUTO_FREE char *path = xasprintf("%s/root", base);
	struct fs_root *r = NULL;
	CHECK(fs_root_open(path, &r, &err));
	return r;
}

static void close_root(struct fs_root **r)
{
	fs_root_close(*r);
}
#define ROOT(name)                                                               \
	__attribute__((cleanup(close_root))) struct fs_root *name = open_root(); \
	REQUIRE(name)

TEST(set_up)
{
	REQUIRE(mkdtemp(base) && chmod(base, 0755) == 0);
	at("root", make_dir);
	at("outside", make_dir);
	at("root/artifact", make_dir);
	at("root/artifact/ab", make_dir);
	put("root/artifact/ab/file", "0123456789");
	put("root/empty", "");
	put("root/secret", "x");
	put("outside/file", "stolen");
	at("root/fifo", make_fifo);
	at("root/socket", make_socket);
	link_to("artifact/ab/file", "root/inside");
	link_to("../inside", "root/artifact/up");
	link_to("artifact", "root/dir");
	link_to("../outside/file", "root/leaves");
	link_to("../outside", "root/leaves_dir");
	link_to("nosuch", "root/dangling");
	link_to("circle", "root/circle");
	AUTO_FREE char *target = xasprintf("%s/root/artifact", base);
	link_to(target, "root/absolute"); /* leads inside, but an absolute one is refused */
}

static const struct {
	const char *name;
	enum fs_verdict verdict;
} names[] = {
	{ "artifact/ab/file", FS_OK },
	{ "./artifact//ab/./file", FS_OK },
	{ "artifact/../artifact/ab/file", FS_OK },
	{ "inside", FS_OK },
	{ "artifact/up", FS_OK },
	{ "dir/ab/file", FS_OK },
	{ "dir/../inside", FS_OK },
	{ "empty", FS_OK },
	{ "nosuch", FS_MISSING },
	{ "", FS_MISSING },
	{ "artifact/ab/file/x", FS_MISSING },
	{ "artifact/ab/file/", FS_MISSING },
	{ "artifact/ab/nosuch/file", FS_MISSING },
	{ "dangling", FS_MISSING },
	{ "inside/", FS_MISSING },
	{ "../outside/file", FS_OUTSIDE },
	{ "artifact/../../outside/file", FS_OUTSIDE },
	{ "..", FS_OUTSIDE },
	{ "leaves", FS_OUTSIDE },
	{ "leaves_dir/file", FS_OUTSIDE },
	{ "absolute/ab/file", FS_OUTSIDE },
	{ "circle", FS_OUTSIDE },
	{ "/etc/passwd", FS_OUTSIDE },
	{ "fifo", FS_NOT_REGULAR },
	{ "socket", FS_NOT_REGULAR },
	{ "artifact", FS_NOT_REGULAR },
	{ "artifact/", FS_NOT_REGULAR },
	{ ".", FS_NOT_REGULAR },
	{ "artifact/ab/..", FS_NOT_REGULAR },
	{ "dir", FS_NOT_REGULAR },
};

TEST(verdicts)
{
	ROOT(r);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct fs_file f;
		enum fs_verdict read = fs_read(r, names[i].name, 100, &f);
		if (!CHECK_INT(read, names[i].verdict))
			fprintf(stderr, "# read \"%s\"\n", names[i].name);
		CHECK((f.data != NULL) == (read == FS_OK));
		free(f.data);
		if (!CHECK_INT(fs_stat(r, names[i].name, &f), names[i].verdict))
			fprintf(stderr, "# stat \"%s\"\n", names[i].name);
		CHECK(f.data == NULL);
	}
}

/* The same file, or the same refusal. */
TEST(walking_is_as_openat2)
{
	AUTO_FREE char *path = xasprintf("%s/root", base);
	AUTO_FD int root = open(path, O_PATH | O_DIRECTORY);
	REQUIRE(root >= 0);
	if (!fs_has_openat2(root))
		SKIP("this kernel or container has no openat2");
	for (int how = 0; how < 2; how++) {
		const int flags = O_CLOEXEC | (how ? O_PATH : O_RDONLY | O_NONBLOCK);
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			AUTO_FD int a = fs_open_beneath(root, names[i].name, flags);
			int a_errno = a < 0 ? errno : 0;
			AUTO_FD int b = fs_open_walking(root, names[i].name, flags);
			int b_errno = b < 0 ? errno : 0;
			bool same = CHECK_INT(b_errno, a_errno);
			struct stat sa, sb;
			if (same && a >= 0 && fstat(a, &sa) == 0 && fstat(b, &sb) == 0)
				same = CHECK(sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev);
			if (!same)
				fprintf(stderr, "# \"%s\", flags %x\n", names[i].name,
					(unsigned)flags);
		}
	}
}

TEST(walking_has_limits)
{
	AUTO_FREE char *path = xasprintf("%s/root", base);
	AUTO_FD int root = open(path, O_PATH | O_DIRECTORY);
	AUTO_FREE char *longest = xmalloc(5001);
	memset(longest, 'n', 5000);
	longest[5000] = '\0';
	CHECK_INT(fs_open_walking(root, longest, O_RDONLY), -1);
	CHECK_INT(errno, ENAMETOOLONG);
	longest[300] = '\0'; /* a component that is too long */
	CHECK_INT(fs_open_walking(root, longest, O_RDONLY), -1);
	CHECK_INT(errno, ENAMETOOLONG);
}

TEST(contents)
{
	ROOT(r);
	struct fs_file f;
	CHECK_INT(fs_read(r, "artifact/ab/file", 10, &f), FS_OK);
	CHECK_MEM(f.data, f.len, "0123456789", 10);
	CHECK(f.data && f.data[10] == '\0');
	CHECK_INT(f.size, 10);
	CHECK(f.changed > INT64_C(1700000000000000000));
	free(f.data);
	CHECK_INT(fs_read(r, "artifact/ab/file", 9, &f), FS_TOO_LARGE);
	CHECK(f.data == NULL);
	CHECK_INT(f.size, 10);
	CHECK_INT(fs_read(r, "empty", 0, &f), FS_OK);
	CHECK_MEM(f.data, f.len, "", 0);
	free(f.data);
	CHECK_INT(fs_stat(r, "artifact/ab/file", &f), FS_OK);
	CHECK_INT(f.size, 10);
}

TEST(absolute_names_below_the_root)
{
	ROOT(r);
	struct fs_file f;
	AUTO_FREE char *inside = xasprintf("%s/root//artifact/ab/file", base);
	CHECK_INT(fs_read(r, inside, 100, &f), FS_OK);
	free(f.data);
	AUTO_FREE char *sibling = xasprintf("%s/root2/file", base);
	CHECK_INT(fs_read(r, sibling, 100, &f), FS_OUTSIDE);
	AUTO_FREE char *climbs = xasprintf("%s/root/../outside/file", base);
	CHECK_INT(fs_read(r, climbs, 100, &f), FS_OUTSIDE);
	struct fs_root *slashed = NULL;
	AUTO_FREE char *path = xasprintf("%s/root//", base);
	REQUIRE(fs_root_open(path, &slashed, &err));
	CHECK_INT(fs_read(slashed, inside, 100, &f), FS_OK);
	free(f.data);
	CHECK_MEM(fs_root_path(slashed), strlen(fs_root_path(slashed)), path, strlen(path) - 2);
	fs_root_close(slashed);
	/* The root of all. */
	REQUIRE(fs_root_open("/", &slashed, &err));
	CHECK_STR(fs_root_path(slashed), "/");
	CHECK_INT(fs_read(slashed, inside, 100, &f), FS_OK);
	free(f.data);
	fs_root_close(slashed);
}

/* Files of /proc say size 0 and have contents; reading address 0 of a process is an I/O error. */
TEST(sizes_that_lie)
{
	struct fs_root *r = NULL;
	REQUIRE(fs_root_open("/proc/self", &r, &err));
	struct fs_file f;
	CHECK_INT(fs_read(r, "status", 1 << 20, &f), FS_OK);
	CHECK(f.data && strstr(f.data, "VmSize") && f.len == strlen(f.data) && f.len > 500);
	free(f.data);
	CHECK_INT(fs_read(r, "status", 100, &f), FS_TOO_LARGE);
	CHECK_INT(fs_read(r, "mem", 100, &f), FS_IO_ERROR);
	CHECK_INT(f.saved_errno, EIO);
	CHECK(fs_read(r, "fd/0", 100, &f) != FS_OK); /* a magic link */
	fs_root_close(r);
	REQUIRE(fs_root_open("/dev", &r, &err));
	CHECK_INT(fs_read(r, "null", 100, &f), FS_NOT_REGULAR);
	fs_root_close(r);
}

TEST(denied)
{
	if (geteuid() != 0)
		SKIP("only root can become somebody who is denied");
	ROOT(r);
	AUTO_FREE char *path = xasprintf("%s/root/secret", base);
	CHECK(chmod(path, 0600) == 0);
	struct fs_file f;
	REQUIRE(seteuid(NOBODY) == 0);
	enum fs_verdict verdict = fs_read(r, "secret", 100, &f);
	CHECK(seteuid(0) == 0);
	CHECK_INT(verdict, FS_DENIED);
	CHECK_INT(f.saved_errno, EACCES);
}

TEST(roots)
{
	struct fs_root *r = NULL;
	CHECK(!fs_root_open("relative", &r, &err));
	CHECK_INT(err.code, ERR_CONFIG);
	CHECK(!fs_root_open("/nosuch/place", &r, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	AUTO_FREE char *file = xasprintf("%s/root/empty", base);
	CHECK(!fs_root_open(file, &r, &err));
	CHECK(r == NULL);
	fs_root_close(NULL);
}

/* A link stands for the mount point: it leads elsewhere once the disk is gone. */
TEST(a_root_that_is_gone)
{
	AUTO_FREE char *link = xasprintf("%s/link", base);
	AUTO_FREE char *root = xasprintf("%s/root", base);
	struct stat here, shm;
	REQUIRE(symlink(root, link) == 0);
	struct fs_root *r = NULL;
	REQUIRE(fs_root_open(link, &r, &err));
	CHECK(!fs_root_gone(r, "artifact"));
	CHECK(fs_root_gone(r, "nosuch"));
	CHECK(fs_root_gone(r, "empty")); /* a file, no directory */
	CHECK(unlink(link) == 0);
	CHECK(fs_root_gone(r, "artifact"));
	if (stat("/dev", &shm) == 0 && stat(root, &here) == 0 && shm.st_dev != here.st_dev) {
		CHECK(symlink("/dev", link) == 0);
		CHECK(fs_root_gone(r, "fd")); /* the probe is there: the device tells */
		CHECK(unlink(link) == 0);
	}
	fs_root_close(r);
}

TEST(write_atomic)
{
	AUTO_FREE char *path = xasprintf("%s/outside/state", base);
	REQUIRE(fs_write_atomic(path, "one", 3, 0640, &err));
	REQUIRE(fs_write_atomic(path, "second", 6, 0600, &err));
	struct stat st;
	CHECK(stat(path, &st) == 0);
	CHECK_INT(st.st_size, 6);
	CHECK_INT(st.st_mode & 07777, 0600);
	AUTO_FREE char *nowhere = xasprintf("%s/nosuch/state", base);
	CHECK(!fs_write_atomic(nowhere, "x", 1, 0600, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	/* What cannot be renamed leaves nothing behind. */
	AUTO_FREE char *dir = xasprintf("%s/outside/dir", base);
	CHECK(mkdir(dir, 0755) == 0);
	CHECK(!fs_write_atomic(dir, "x", 1, 0600, &err));
	AUTO_FREE char *outside = xasprintf("%s/outside", base);
	CHECK(stat(outside, &st) == 0);
	CHECK_INT(st.st_nlink, 3);
	CHECK(rmdir(dir) == 0);
	CHECK(unlink(path) == 0);
	AUTO_FREE char *file = xasprintf("%s/outside/file", base);
	CHECK(unlink(file) == 0);
	CHECK(rmdir(outside) == 0); /* empty: no temporary file is left */
}

/* A name of a database never removes what lies elsewhere, nor what is no file. */
TEST(removing)
{
	ROOT(r);
	AUTO_FREE char *stays = xasprintf("%s/root/artifact/ab/file", base);
	AUTO_FREE char *absolute = xasprintf("%s/root/extra", base);
	struct stat st;
	put("root/artifact/ab/extra", "x");
	put("root/extra", "x");
	CHECK_INT(fs_remove(r, "artifact/ab/extra"), FS_OK);
	CHECK_INT(fs_remove(r, "artifact/ab/extra"), FS_MISSING);
	CHECK_INT(fs_remove(r, absolute), FS_OK);
	CHECK_INT(fs_remove(r, "inside"), FS_NOT_REGULAR);
	CHECK_INT(fs_remove(r, "fifo"), FS_NOT_REGULAR);
	CHECK_INT(fs_remove(r, "artifact"), FS_NOT_REGULAR);
	CHECK_INT(fs_remove(r, ".."), FS_NOT_REGULAR);
	CHECK_INT(fs_remove(r, ""), FS_MISSING);
	CHECK_INT(fs_remove(r, "../outside/file"), FS_OUTSIDE);
	CHECK_INT(fs_remove(r, "leaves_dir/file"), FS_OUTSIDE);
	CHECK_INT(fs_remove(r, "/etc/passwd"), FS_OUTSIDE);
	CHECK_INT(fs_remove(r, "nosuch/file"), FS_MISSING);
	CHECK(stat(stays, &st) == 0);
}

TEST(mkdirs)
{
	AUTO_FREE char *path = xasprintf("%s/a/b//c", base);
	CHECK(fs_mkdirs(path, 0750, &err));
	CHECK(fs_mkdirs(path, 0750, &err));
	struct stat st;
	CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
	AUTO_FREE char *under = xasprintf("%s/root/empty/c", base);
	CHECK(!fs_mkdirs(under, 0750, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	AUTO_FREE char *file = xasprintf("%s/root/empty", base);
	CHECK(!fs_mkdirs(file, 0750, &err));
}

TEST(tear_down)
{
	CHECK(nftw(base, remove_one, 10, FTW_DEPTH | FTW_PHYS) == 0);
}

TAP_MAIN(row(set_up), row(verdicts), row(walking_is_as_openat2), row(walking_has_limits),
	 row(contents), row(absolute_names_below_the_root), row(sizes_that_lie), row(denied),
	 row(roots), row(a_root_that_is_gone), row(removing), row(write_atomic), row(mkdirs),
	 row(tear_down))
