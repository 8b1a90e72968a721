/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an object says of the file that it was copied from, on a real file system. */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/hash.h"
#include "lib/store/object.h"
#include "lib/store/stamp.h"
#include "tests/harness/tap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const double settled = 2; /* seconds, as README.md says it */
static struct err err;
static char base[] = "/tmp/plmaint-stamp-XXXXXX";
static struct repository *repository;
static char digest[65];
static char *source, *object;

static void put_text(const char *path, const char *text)
{
	AUTO_FILE FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0);
}

static struct fs_file seen(void)
{
	AUTO_FD int fd = open(source, O_RDONLY | O_CLOEXEC);
	struct fs_file file = { 0 };

	CHECK(fd >= 0 && fs_look(fd, &file));
	return file;
}

static bool fits(struct fs_file file)
{
	return stamp_fits(repository, digest, &file);
}

/* The object gets the stamp of the source, as one gets it that reads it then. */
static void stamp_at(double now)
{
	AUTO_FD int from = open(source, O_RDONLY | O_CLOEXEC);
	AUTO_FD int to = open(object, O_RDONLY | O_CLOEXEC);

	REQUIRE(from >= 0 && to >= 0);
	stamp_put(to, stamp_of(from, now));
}

static void set_time(struct timespec mtime)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };

	CHECK(utimensat(AT_FDCWD, object, times, 0) == 0);
}

static void copy_source(void)
{
	struct object_copy copy = { .verdict = OBJECT_MISSING };
	struct object_writer *w = object_writer_new(repository);
	AUTO_FD int fd = open(source, O_RDONLY | O_CLOEXEC);

	CHECK(object_put(w, fd, digest, &copy, &err) && copy.verdict == OBJECT_GOOD);
	CHECK(object_writer_flush(w, &err));
	object_writer_free(w);
}

TEST(a_file_that_has_just_changed_gives_none)
{
	put_text(source, "layer");
	sha256_hex("layer", 5, digest);
	CHECK(!fits(seen()));
	copy_source();
	object = xasprintf("%s/store/%.2s/%s", repository_dir(repository), digest, digest + 2);
	struct stat st;
	REQUIRE(stat(object, &st) == 0);
	CHECK(!fits(seen()));
	/* It bears the time when it was written, and not, say, the source's all the same. */
	CHECK(clock_wall() - (double)st.st_mtim.tv_sec < 60);
	stamp_at((double)seen().changed / 1e9 + settled - 0.01);
	CHECK(!fits(seen()));
	stamp_at((double)seen().changed / 1e9 + settled + 0.01);
	CHECK(fits(seen()));
}

TEST(it_is_of_this_file_as_it_was)
{
	struct fs_file file = seen();

	CHECK(fits(file));
	file.inode++;
	CHECK(!fits(file));
	file.inode--;
	file.changed++;
	CHECK(!fits(file));
	file.changed--;
	file.size++;
	CHECK(!fits(file));
}

TEST(whatever_is_done_to_the_file_ends_it)
{
	AUTO_FREE char *other = xasprintf("%s/other", base);
	const struct fs_file before = seen();

	usleep(20000); /* a tick of the clock */
	CHECK(chmod(source, 0600) == 0 && !fits(seen()));
	stamp_at(clock_wall() + settled);
	CHECK(fits(seen()));
	usleep(20000);
	put_text(source, "rotten");
	CHECK(!fits(seen()));
	put_text(other, "layer");
	CHECK(rename(other, source) == 0 && !fits(seen()));
	CHECK(!fits(before));
}

TEST(whatever_is_done_to_the_object_ends_it)
{
	struct stat st;

	stamp_at(clock_wall() + settled);
	CHECK(fits(seen()));
	REQUIRE(stat(object, &st) == 0);
	CHECK(chmod(object, 0640) == 0 && fits(seen()));
	/* A tick may write an object and change a file: its own time is no stamp of that one. */
	struct fs_file file = seen();
	set_time((struct timespec){ .tv_sec = file.changed / 1000000000,
				    .tv_nsec = file.changed % 1000000000 });
	CHECK(!fits(file));
	set_time(st.st_mtim);
	CHECK(fits(file));
	put_text(object, "shorter by far");
	set_time(st.st_mtim);
	CHECK(!fits(file));
	CHECK(unlink(object) == 0 && !fits(file));
}

TEST(an_old_file_gives_one_when_it_is_copied)
{
	put_text(source, "layer");
	while (clock_wall() - (double)seen().changed / 1e9 <= settled + 0.1)
		usleep(100000);
	copy_source();
	CHECK(fits(seen()));
}

TEST(nothing_is_left_behind)
{
	repository_close(repository);
	free(source);
	free(object);
	CHECK(fs_remove_tree(base, &err));
}

int main(void)
{
	static const struct tap_row rows[] = { row(a_file_that_has_just_changed_gives_none),
					       row(it_is_of_this_file_as_it_was),
					       row(whatever_is_done_to_the_file_ends_it),
					       row(whatever_is_done_to_the_object_ends_it),
					       row(an_old_file_gives_one_when_it_is_copied),
					       row(nothing_is_left_behind) };

	if (!mkdtemp(base))
		return 1;
	AUTO_FREE char *dir = xasprintf("%s/repository", base);
	if (!repository_open(dir, true, &repository, &err))
		return 1;
	source = xasprintf("%s/source", base);
	return tap_run(rows, (int)ARRAY_LEN(rows));
}
