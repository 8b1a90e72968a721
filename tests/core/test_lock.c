/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One holder at a time; a text that a dead process or another boot left is recognised as such. */
#include "lib/core/lock.h"

#include "tests/harness/tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

struct dir {
	char path[64], file[80];
};

static void make_dir(struct dir *d)
{
	char made[] = "/tmp/plmaint-lock-XXXXXX";

	if (!mkdtemp(made))
		abort();
	(void)snprintf(d->path, sizeof(d->path), "%s", made);
	(void)snprintf(d->file, sizeof(d->file), "%s/lock", d->path);
}

static void remove_dir(struct dir *d)
{
	(void)unlink(d->file);
	(void)rmdir(d->path);
}
#define AUTO_PLACE __attribute__((cleanup(remove_dir)))

static void write_text(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	if (CHECK(f != NULL)) {
		(void)fputs(text, f);
		(void)fclose(f);
	}
}

static enum lock_state look(const char *dir, struct lock_owner *o)
{
	struct err err = { 0 };
	enum lock_state state = LOCK_FREE;

	CHECK(lock_look(dir, &state, o, &err));
	return state;
}

TEST(one_at_a_time)
{
	AUTO_PLACE struct dir d;
	struct lock *a = NULL, *b = NULL;
	struct lock_owner o;
	struct err err;

	make_dir(&d);
	CHECK_INT(look(d.path, &o), LOCK_FREE);
	REQUIRE(lock_take(d.path, "backup offline", &a, &o, &err));
	CHECK_INT(o.pid, 0);
	CHECK(!lock_take(d.path, "restore run", &b, &o, &err));
	CHECK_INT(err.code, ERR_LOCKED);
	CHECK(strstr(err.text, "(backup offline)") != NULL);
	CHECK_INT(look(d.path, &o), LOCK_HELD);
	CHECK_INT(o.pid, getpid());
	lock_release(a);
	CHECK_INT(look(d.path, &o), LOCK_FREE);
	REQUIRE(lock_take(d.path, "restore run", &b, &o, &err));
	CHECK_INT(o.pid, 0);
	lock_release(b);
}

TEST(a_killed_holder_is_taken_over)
{
	AUTO_PLACE struct dir d;
	struct lock *l = NULL;
	struct lock_owner o;
	struct err err;
	int status;

	make_dir(&d);

	pid_t child = fork();

	if (child == 0) {
		if (!lock_take(d.path, "backup offline", &l, &o, &err))
			_exit(1);
		(void)raise(SIGKILL);
	}
	REQUIRE(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	CHECK_INT(look(d.path, &o), LOCK_STALE_TEXT);
	CHECK_INT(o.pid, child);
	REQUIRE(lock_take(d.path, "restore run", &l, &o, &err));
	CHECK_INT(o.pid, child);
	CHECK_STR(o.command, "backup offline");
	lock_release(l);
}

/* A look holds the lock for a moment, which must not keep anybody out. */
TEST(looks_are_in_nobodys_way)
{
	AUTO_PLACE struct dir d;
	struct lock *l = NULL;
	struct lock_owner o;
	struct err err;
	enum lock_state state;
	int status, refused = 0;

	make_dir(&d);

	pid_t child = fork();

	while (child == 0)
		(void)!lock_look(d.path, &state, &o, &err);
	for (int i = 0; i < 2000; i++) {
		if (lock_take(d.path, "restore run", &l, &o, &err))
			lock_release(l);
		else
			refused++;
	}
	(void)kill(child, SIGKILL);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_INT(refused, 0);
}

TEST(another_boot)
{
	AUTO_PLACE struct dir d;
	struct lock *l = NULL;
	struct lock_owner o;
	struct err err;
	char text[256], words[256];

	make_dir(&d);
	REQUIRE(lock_take(d.path, "x", &l, &o, &err));
	CHECK_INT(look(d.path, &o), LOCK_HELD);
	lock_release(l);
	/* Our own pid and start time, alive, but of a boot that is over. */
	(void)snprintf(text, sizeof(text),
		       "%d %llu 00000000-0000-0000-0000-000000000000 2026-01-02T03:04:05.000Z "
		       "backup offline\n",
		       (int)getpid(), o.start);
	write_text(d.file, text);
	CHECK_INT(look(d.path, &o), LOCK_STALE_TEXT);
	lock_explain(LOCK_STALE_TEXT, &o, words, sizeof(words));
	CHECK(strstr(words, "before this host was restarted") != NULL);

	/* Held by somebody whom the text does not name: what `lock break` is for. */
	int fd = open(d.file, O_RDWR | O_CLOEXEC);

	REQUIRE(fd >= 0 && flock(fd, LOCK_EX) == 0);
	CHECK_INT(look(d.path, &o), LOCK_STALE_HOLD);

	CHECK(!lock_take(d.path, "x", &l, &o, &err));
	CHECK(strstr(err.hint, "lock break") != NULL);
	CHECK(lock_break(d.path, &err));
	CHECK(lock_take(d.path, "x", &l, &o, &err));
	lock_release(l);
	(void)close(fd);
}

TEST(a_pid_used_again)
{
	AUTO_PLACE struct dir d;
	struct lock *l = NULL;
	struct lock_owner o;
	struct err err;
	char text[256];

	make_dir(&d);
	REQUIRE(lock_take(d.path, "x", &l, &o, &err));
	CHECK_INT(look(d.path, &o), LOCK_HELD);
	(void)snprintf(text, sizeof(text), "%d %llu %s %s x\n", (int)getpid(), o.start + 1, o.boot,
		       o.since);
	write_text(d.file, text);
	CHECK_INT(look(d.path, &o), LOCK_STALE_HOLD);
	lock_release(l);
}

TEST(a_text_that_is_none)
{
	AUTO_PLACE struct dir d;
	struct lock_owner o;

	make_dir(&d);
	write_text(d.file, "garbage");
	CHECK_INT(look(d.path, &o), LOCK_FREE);
	CHECK_INT(o.pid, 0);
}

TAP_MAIN(row(one_at_a_time), row(a_killed_holder_is_taken_over), row(looks_are_in_nobodys_way),
	 row(another_boot), row(a_pid_used_again), row(a_text_that_is_none))
