/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children: what they get, what they say, how they end, and that none outlives its time. */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/process.h"
#include "tests/harness/tap.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;
static const char *const clean_env[] = { "PATH=/usr/bin:/bin", NULL };

/* A shell as the program under test; SCRIPT is our own text. */
#define SHELL(script) ((const char *const[]){ "/bin/sh", "-c", (script), NULL })

/* Runs it and compares stdout and status. */
static void check(const struct process_options *given, const char *wanted, int wanted_status)
{
	struct process_options o = *given;
	AUTO_STRBUF struct strbuf out = { 0 };
	int status = -1;
	o.timeout = o.timeout > 0 ? o.timeout : 20;
	o.max_output = o.max_output ? o.max_output : 4096;
	strbuf_adds(&out, "");
	if (!CHECK(process_run(&o, &out, &status, &err))) {
		fprintf(stderr, "# %s\n", err.text);
		return;
	}
	CHECK_STR(out.data, wanted);
	CHECK_INT(status, wanted_status);
}

TEST(output_and_status)
{
	check(&(struct process_options){ .argv = SHELL("echo one; echo two >&2; exit 3") }, "one\n",
	      3);
	check(&(struct process_options){ .argv = SHELL("kill -9 $$") }, "", 137);
	check(&(struct process_options){ .argv = SHELL("exec >&- 2>&-; exit 4") }, "", 4);
	/* Arguments are not looked into. */
	check(&(struct process_options){ .argv = (const char *const[]){ "printf", "%s|",
									"$HOME `id`", "a b", "",
									NULL } },
	      "$HOME `id`|a b||", 0);
}

TEST(output_is_added)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	int status;
	strbuf_adds(&out, "before ");
	const struct process_options o = { .argv = SHELL("printf after"), .max_output = 10 };
	CHECK(process_run(&o, &out, &status, &err));
	CHECK_STR(out.data, "before after");
}

TEST(surroundings)
{
	setenv("PLMAINT_TEST_X", "inherited", 1);
	check(&(struct process_options){ .argv = SHELL("echo $PLMAINT_TEST_X; pwd; cat; umask") },
	      "inherited\n/\n0022\n", 0);
	check(&(struct process_options){ .argv = SHELL("echo $PLMAINT_TEST_X$Y; pwd"),
					 .env = (const char *const[]){ "Y=only", NULL },
					 .dir = "/tmp" },
	      "only\n/tmp\n", 0);
}

TEST(input)
{
	check(&(struct process_options){ .argv = SHELL("cat; echo end"), .input = "one\ntwo\n" },
	      "one\ntwo\nend\n", 0);
	check(&(struct process_options){ .argv = SHELL("cat; echo end"), .input = "" }, "end\n", 0);

	/* More than a pipe holds, to a child that reads none of it. */
	AUTO_FREE char *long_text = xmalloc(200001);
	for (size_t i = 0; i < 200000; i++)
		long_text[i] = 'x';
	long_text[200000] = '\0';
	check(&(struct process_options){ .argv = SHELL("echo busy"), .input = long_text }, "busy\n",
	      0);
	check(&(struct process_options){ .argv = SHELL("wc -c"), .input = long_text }, "200000\n",
	      0);
}

/* Whoever forgot O_CLOEXEC. */
TEST(no_descriptor_is_handed_on)
{
	int fd = open("/dev/null", O_RDONLY);
	REQUIRE(fd >= 0);
	check(&(struct process_options){ .argv = SHELL("ls /proc/$$/fd") }, "0\n1\n2\n", 0);
	close(fd);
}

/* plmaint ignores SIGPIPE and may block others. */
TEST(signals_are_as_new)
{
	sigset_t block, before;
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	CHECK(sigprocmask(SIG_BLOCK, &block, &before) == 0);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	check(&(struct process_options){ .argv = SHELL("kill -PIPE $$; echo alive") }, "", 141);
	check(&(struct process_options){ .argv = SHELL("kill -TERM $$; echo alive") }, "", 143);
	CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
	sigset_t after;
	sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK(!sigismember(&after, SIGUSR1));
}

TEST(another_user)
{
	if (geteuid() != 0)
		SKIP("only root can become another user");
	check(&(struct process_options){ .argv = SHELL("id -u; id -un; id -G"),
					 .user = "nobody",
					 .env = clean_env },
	      "65534\nnobody\n65534\n", 0);
	const struct process_options o = { .argv = SHELL("id"), .user = "no such user" };
	AUTO_STRBUF struct strbuf out = { 0 };
	int status = -1;
	CHECK(!process_run(&o, &out, &status, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
}

static void check_not_started(const char *name, const char *dir, enum err_code code)
{
	const char *const argv[] = { name, NULL };
	const struct process_options o = { .argv = argv, .dir = dir, .timeout = 5 };
	AUTO_STRBUF struct strbuf out = { 0 };
	int status = -1;
	CHECK(!process_run(&o, &out, &status, &err));
	if (!CHECK_INT(err.code, code))
		fprintf(stderr, "# %s: %s\n", name, err.text);
	CHECK_INT(status, -1);
}

TEST(what_cannot_be_started)
{
	check_not_started("/nosuch/program", NULL, ERR_NOT_FOUND);
	check_not_started("no-such-program-anywhere", NULL, ERR_NOT_FOUND);
	check_not_started("/etc/passwd", NULL, ERR_DENIED);
	check_not_started("/bin/true", "/nosuch", ERR_NOT_FOUND);
}

TEST(time_is_limited_for_grandchildren_too)
{
	/* The background process would go on holding the lock file open for a minute. */
	int fds[2];
	REQUIRE(pipe(fds) == 0);
	AUTO_FREE char *script =
		xasprintf("exec 3>/proc/%d/fd/%d; (sleep 60 & sleep 60)", getpid(), fds[1]);
	const struct process_options o = { .argv = SHELL(script),
					   .timeout = 0.3,
					   .max_output = 100 };
	AUTO_STRBUF struct strbuf out = { 0 };
	int status = -1;
	double before = clock_monotonic();
	CHECK(!process_run(&o, &out, &status, &err));
	CHECK(clock_monotonic() - before < 20);
	CHECK_INT(err.code, ERR_TIMEOUT);
	CHECK_INT(status, -1);
	/* The last writer is gone: our end sees the end of the pipe. */
	close(fds[1]);
	struct pollfd p = { .fd = fds[0], .events = POLLIN };
	CHECK_INT(poll(&p, 1, 20000), 1);
	CHECK(p.revents & POLLHUP);
	close(fds[0]);
}

TEST(output_is_limited)
{
	const struct process_options o = { .argv = SHELL("while :; do echo much; done"),
					   .timeout = 20,
					   .max_output = 1000 };
	AUTO_STRBUF struct strbuf out = { 0 };
	int status = -1;
	CHECK(!process_run(&o, &out, &status, &err));
	CHECK_INT(err.code, ERR_DATA);
	CHECK_INT(out.len, 0);
	check(&(struct process_options){ .argv = SHELL("printf 1234"), .max_output = 4 }, "1234",
	      0);
}

/* A daemon that keeps our pipes must not keep us. */
TEST(ends_with_the_child)
{
	double before = clock_monotonic();
	AUTO_STRBUF struct strbuf out = { 0 };
	int status = -1;
	const struct process_options o = { .argv = SHELL("sleep 40 & echo $!"),
					   .timeout = 30,
					   .max_output = 100 };
	CHECK(process_run(&o, &out, &status, &err));
	CHECK(clock_monotonic() - before < 20);
	long pid = out.data ? strtol(out.data, NULL, 10) : 0;
	CHECK(pid > 1 && kill((pid_t)pid, SIGKILL) == 0);
}

static void collect(void *arg, const char *text)
{
	strbuf_addf(arg, "<%s>", text);
}

TEST(lines_and_errors)
{
	AUTO_STRBUF struct strbuf lines = { 0 }, errors = { 0 }, out = { 0 };
	struct process_options o = { .argv = SHELL("printf 'a\\n\\nb'"),
				     .timeout = 20,
				     .max_output = 100,
				     .line = collect,
				     .arg = &lines };
	int status = -1;
	REQUIRE(process_run(&o, &out, &status, &err));
	CHECK_STR(lines.data, "<a><><b>");
	strbuf_clear(&lines);
	o.argv = SHELL("printf 'why\\n' >&2");
	o.errors = &errors;
	REQUIRE(process_run(&o, &out, &status, &err));
	CHECK_STR(lines.data, "<why>");
	CHECK_STR(errors.data, "why\n");
	CHECK_STR(out.data, "a\n\nb");
	/* The end of much is kept. */
	strbuf_clear(&errors);
	o.line = NULL;
	o.argv = SHELL("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done >&2");
	REQUIRE(process_run(&o, &out, &status, &err));
	CHECK_INT(errors.len, 4096);
	CHECK_STR(errors.data + 4096 - 10, "line 2999\n");
}

TEST(large_output)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	int status = -1;
	const struct process_options o = {
		.argv = SHELL("head -c 3000000 /dev/zero; head -c 200000 /dev/zero >&2"),
		.timeout = 30,
		.max_output = 3000000
	};
	CHECK(process_run(&o, &out, &status, &err));
	CHECK_INT(out.len, 3000000);
}

TEST(no_descriptor_is_lost)
{
	int before = open("/dev/null", O_RDONLY);
	check(&(struct process_options){ .argv = SHELL("echo x") }, "x\n", 0);
	check_not_started("/nosuch/program", NULL, ERR_NOT_FOUND);
	int after = open("/dev/null", O_RDONLY);
	CHECK_INT(after, before + 1);
	close(before);
	close(after);
}

TEST(a_command_is_cut_at_blanks_and_nowhere_else)
{
	char text[] = "  /bin/x 'a b'\t$HOME;rm ", none[] = " \t ", many[] = "a b c";
	const char *argv[5];

	REQUIRE(process_split(text, argv, 4, &err));
	CHECK_STR(argv[0], "/bin/x");
	CHECK_STR(argv[1], "'a");
	CHECK_STR(argv[2], "b'");
	CHECK_STR(argv[3], "$HOME;rm");
	CHECK(argv[4] == NULL);
	CHECK(!process_split(none, argv, 3, &err) && err.code == ERR_CONFIG);
	CHECK(!process_split(many, argv, 2, &err) && err.code == ERR_CONFIG);
}

TAP_MAIN(row(output_and_status), row(output_is_added), row(surroundings), row(input),
	 row(no_descriptor_is_handed_on), row(signals_are_as_new), row(another_user),
	 row(what_cannot_be_started), row(time_is_limited_for_grandchildren_too),
	 row(output_is_limited), row(ends_with_the_child), row(lines_and_errors), row(large_output),
	 row(no_descriptor_is_lost), row(a_command_is_cut_at_blanks_and_nowhere_else))
