/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives of files that vanish and change while they are read, in memory that does not grow. */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/archive.h"
#include "tests/harness/tap.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG = 1 << 20 };

/* An archive in memory, and what happens once its first bytes come. */
struct kept {
	struct strbuf bytes;
	size_t at;
	void (*meanwhile)(void);
	struct strbuf told;
};

static char dir[sizeof "/tmp/plmaint-archive-XXXXXX"];

static bool begin(void)
{
	memcpy(dir, "/tmp/plmaint-archive-XXXXXX", sizeof dir);
	return mkdtemp(dir) != NULL;
}

static char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void forget(const char *name)
{
	AUTO_FREE char *path = in_dir(name);

	(void)unlink(path);
}

static void clear(void)
{
	forget("a");
	forget("b");
	forget("c");
	CHECK(rmdir(dir) == 0);
}

/* Bytes that do not compress, so that something comes out while the file is read. */
static void write_file(const char *name, size_t size)
{
	AUTO_FREE char *path = in_dir(name);
	AUTO_FREE unsigned char *bytes = xmalloc(size + 1);
	AUTO_FILE FILE *f = fopen(path, "we");
	unsigned x = 1;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)((x = x * 1103515245U + 12345U) >> 16);
	CHECK(f && fwrite(bytes, 1, size, f) == size);
}

static bool put(void *arg, const void *bytes, size_t n, struct err *err)
{
	struct kept *k = arg;

	(void)err;
	strbuf_add(&k->bytes, bytes, n);
	if (k->meanwhile)
		k->meanwhile();
	k->meanwhile = NULL;
	return true;
}

static bool get(void *arg, void *bytes, size_t room, size_t *ret_n, struct err *err)
{
	struct kept *k = arg;

	(void)err;
	*ret_n = k->bytes.len - k->at < room ? k->bytes.len - k->at : room;
	memcpy(bytes, k->bytes.data + k->at, *ret_n);
	k->at += *ret_n;
	return true;
}

static void tell(void *arg, const char *path, const char *what, bool lost)
{
	strbuf_addf(arg, "%s%s: %s\n", lost ? "!" : "", path + strlen(dir) + 1, what);
}

static bool pack(struct kept *k, struct archive_tally *tally, struct err *err)
{
	struct archive_listener told = { .tell = tell, .arg = &k->told };
	struct archive_out *a = NULL;
	bool ok = archive_create((struct sink){ put, k }, 3, &told, &a, err) &&
		  archive_add(a, dir, NULL, err) && archive_end(a, tally, err);

	archive_out_free(a);
	return ok;
}

static void count(void *arg, const char *path, int64_t size)
{
	int64_t *files = arg;

	*files += size > 0 && strchr(path, '/') != NULL;
}

static void release(struct kept *k)
{
	strbuf_release(&k->bytes);
	strbuf_release(&k->told);
}
#define AUTO_KEPT __attribute__((cleanup(release)))

static void remove_the_second(void)
{
	forget("b");
}

TEST(a_file_that_vanishes)
{
	AUTO_KEPT struct kept k = { .meanwhile = remove_the_second };
	struct archive_tally tally;
	int64_t files = 0;
	struct err err;

	REQUIRE(begin());
	write_file("a", BIG);
	write_file("b", 10);
	write_file("c", 10);
	REQUIRE(pack(&k, &tally, &err));
	CHECK_STR(k.told.data, "b: vanished before it was read\n");
	CHECK_INT(tally.changing, 1);
	CHECK_INT(tally.lost, 0);
	REQUIRE(archive_test((struct source){ get, &k }, count, &files, &tally, &err));
	CHECK_INT(files, 2);
	CHECK_INT(tally.bytes, BIG + 10);
	clear();
}

static void make_shorter(void)
{
	AUTO_FREE char *path = in_dir("a");

	CHECK(truncate(path, 5) == 0);
}

static void make_longer(void)
{
	AUTO_FREE char *path = in_dir("a");

	CHECK(truncate(path, BIG + 5) == 0);
}

/* Whatever it does meanwhile, the archive stays one. */
TEST(a_file_that_changes)
{
	static const struct {
		void (*meanwhile)(void);
		const char *told;
	} cases[] = {
		{ make_shorter, "!a: became shorter while it was read; the rest is zeros\n" },
		{ make_longer, "a: changed while it was read\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_KEPT struct kept k = { .meanwhile = cases[i].meanwhile };
		struct archive_tally tally;
		struct err err;

		REQUIRE(begin());
		write_file("a", BIG);
		write_file("c", 10);
		REQUIRE(pack(&k, &tally, &err));
		CHECK_STR(k.told.data, cases[i].told);
		REQUIRE(archive_test((struct source){ get, &k }, NULL, NULL, &tally, &err));
		CHECK_INT(tally.bytes, BIG + 10);
		clear();
	}
}

TEST(a_damaged_archive)
{
	AUTO_KEPT struct kept k = { .at = 0 };
	struct archive_tally tally;
	struct err err;

	REQUIRE(begin());
	write_file("a", BIG);
	REQUIRE(pack(&k, &tally, &err));
	k.bytes.len -= 100;
	CHECK(!archive_test((struct source){ get, &k }, NULL, NULL, &tally, &err));
	CHECK_INT(err.code, ERR_DATA);
	k.at = 0;
	k.bytes.data[0] ^= 1;
	CHECK(!archive_test((struct source){ get, &k }, NULL, NULL, &tally, &err));
	CHECK_INT(err.code, ERR_DATA);
	clear();
}

static bool refuse(void *arg, const void *bytes, size_t n, struct err *err)
{
	(void)arg;
	(void)bytes;
	(void)n;
	return err_set(err, ERR_IO, "the disk is full");
}

TEST(a_sink_that_fails)
{
	struct archive_tally tally;
	struct archive_out *a = NULL;
	struct err err;

	REQUIRE(begin());
	write_file("a", BIG);
	bool ok = archive_create((struct sink){ refuse, NULL }, 3, NULL, &a, &err) &&
		  archive_add(a, dir, NULL, &err) && archive_end(a, &tally, &err);
	CHECK(!ok);
	CHECK_STR(err.text, "the disk is full");
	archive_out_free(a);
	clear();
}

TEST(a_path_that_is_not_there)
{
	AUTO_KEPT struct kept k = { .at = 0 };
	struct archive_tally tally;
	struct err err;

	REQUIRE(begin());
	clear();
	REQUIRE(pack(&k, &tally, &err));
	CHECK_INT(tally.lost, 0);
	CHECK_INT(tally.changing, 0);
}

TAP_MAIN(row(a_file_that_vanishes), row(a_file_that_changes), row(a_damaged_archive),
	 row(a_sink_that_fails), row(a_path_that_is_not_there))
