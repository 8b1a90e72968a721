/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A log that grows, is moved away, cut, lost and found again. */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/tail.h"
#include "tests/harness/tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[] = "/tmp/plmaint-tail-XXXXXX";
static char *path, *moved;
static struct strbuf seen;

static void line(void *arg, const char *text, size_t len)
{
	(void)arg;
	strbuf_add(&seen, text, len);
	strbuf_adds(&seen, "|");
}

/* What comes of it now. */
static const char *lines(struct tail *t)
{
	seen.len = 0;
	strbuf_adds(&seen, "");
	CHECK(tail_read(t, line, NULL));
	return seen.data;
}

static void write_as(const char *mode, const char *text, size_t len)
{
	AUTO_FILE FILE *f = fopen(path, mode);

	CHECK(f && fwrite(text, 1, len, f) == len);
}

static void add(const char *text)
{
	write_as("a", text, strlen(text));
}

static struct tail *begin(const char *text)
{
	unlink(path);
	add(text);
	return tail_open(path);
}

TEST(only_what_comes_and_only_whole_lines)
{
	struct tail *t = begin("old\nhalf of");

	CHECK_STR(lines(t), "");
	add(" an old one\nnew\nhal");
	CHECK_STR(lines(t), "new|");
	CHECK_STR(lines(t), "");
	add("f\n\n");
	CHECK_STR(lines(t), "half||");
	tail_close(t);
}

TEST(moved_away_it_is_read_to_its_end)
{
	struct tail *t = begin("old\n");

	CHECK_STR(lines(t), "");
	CHECK(rename(path, moved) == 0);
	{
		AUTO_FILE FILE *f = fopen(moved, "a");
		CHECK(f && fputs("late\n", f) >= 0);
	}
	seen.len = 0;
	CHECK(!tail_read(t, line, NULL));
	CHECK_STR(seen.data, "late|");
	add("first\n");
	CHECK_STR(lines(t), "first|");
	tail_close(t);
}

TEST(cut_it_is_read_from_its_beginning)
{
	struct tail *t = begin("one that is long\nhalf");

	CHECK_STR(lines(t), "");
	write_as("w", "short\n", 6);
	CHECK_STR(lines(t), "short|");
	tail_close(t);
}

TEST(what_is_no_file_is_no_log_until_it_is_one)
{
	struct tail *t = begin("");

	CHECK(unlink(path) == 0 && mkdir(path, 0755) == 0);
	CHECK(!tail_read(t, line, NULL));
	CHECK(rmdir(path) == 0 && mkfifo(path, 0644) == 0);
	CHECK(!tail_read(t, line, NULL));
	CHECK(unlink(path) == 0);
	CHECK(!tail_read(t, line, NULL));
	add("old\n");
	CHECK_STR(lines(t), "");
	add("new\n");
	CHECK_STR(lines(t), "new|");
	tail_close(t);
}

TEST(long_lines_and_what_has_piled_up_are_left_out)
{
	struct tail *t = begin("");
	size_t much = 3 << 20;
	AUTO_FREE char *text = xcalloc(1, much);

	CHECK_STR(lines(t), "");
	memset(text, 'x', much);
	write_as("a", text, 20000);
	add("\nb\n");
	CHECK_STR(lines(t), "b|");
	write_as("a", text, much);
	CHECK_STR(lines(t), "");
	add("\nc\n");
	CHECK_STR(lines(t), "c|");
	tail_close(t);
}

TEST(clean)
{
	unlink(path);
	unlink(moved);
	CHECK(rmdir(base) == 0);
	strbuf_release(&seen);
	free(path);
	free(moved);
}

TEST(before)
{
	CHECK(mkdtemp(base) != NULL);
	path = xasprintf("%s/log", base);
	moved = xasprintf("%s/log.1", base);
}

TAP_MAIN(row(before), row(only_what_comes_and_only_whole_lines),
	 row(moved_away_it_is_read_to_its_end), row(cut_it_is_read_from_its_beginning),
	 row(what_is_no_file_is_no_log_until_it_is_one),
	 row(long_lines_and_what_has_piled_up_are_left_out), row(clean))
