/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record of chunks, written, read and refused; and data files with members of several threads.
 */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/gzip.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/pg_paged.h"
#include "lib/drivers/process.h"
#include "lib/store/chunk_file.h"
#include "tests/harness/tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;
static char base[] = "/tmp/plmaint-chunks-XXXXXX";

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", base, name);
}

static char sha[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void put_text(const char *path, const char *text)
{
	AUTO_FILE FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0);
}

TEST(a_record_comes_back)
{
	AUTO_FREE char *path = path_of("a.tsv");
	struct chunk all[] = { { .rows = 3, .hash = INT64_MIN, .offset = 0, .length = 70 },
			       { .rows = 0, .hash = 0, .offset = 0, .length = 0 },
			       { .rows = 1, .hash = INT64_MAX, .offset = 70, .length = 1 } };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		memcpy(all[i].sha256, sha, sizeof(sha));
	char schema[] = "public", name[] = "a\tb\nc\\d", columns[] = "x text, \"y\t\" integer",
	     file[] = "1.dat.gz", encoding[] = "UTF8";
	struct chunk_table t = { .schema = schema,
				 .name = name,
				 .columns = columns,
				 .file = file,
				 .pages = 512,
				 .all = all,
				 .n = ARRAY_LEN(all) };
	const struct chunk_record r = { .major = 15, .encoding = encoding, .tables = &t, .n = 1 };
	AUTO_CHUNK_RECORD struct chunk_record got = { .n = 0 };

	REQUIRE(chunk_record_write(path, &r, &err) && chunk_record_read(path, &got, &err));
	CHECK_INT(got.major, 15);
	CHECK_STR(got.encoding, "UTF8");
	REQUIRE(got.n == 1 && got.tables[0].n == 3);
	CHECK_STR(got.tables[0].name, name);
	CHECK_STR(got.tables[0].columns, columns);
	CHECK_STR(got.tables[0].file, file);
	CHECK_INT(got.tables[0].all[0].hash, INT64_MIN);
	CHECK_INT(got.tables[0].all[2].hash, INT64_MAX);
	CHECK_INT(got.tables[0].all[2].offset, 70);
	CHECK_STR(got.tables[0].all[2].sha256, sha);
	CHECK(chunk_record_find(&got, &t) == &got.tables[0]);
	t.pages = 1024;
	CHECK(!chunk_record_find(&got, &t));
	t.pages = 512;
	columns[0] = 'z';
	CHECK(!chunk_record_find(&got, &t));
	columns[0] = 'x';
	schema[0] = 'q';
	CHECK(!chunk_record_find(&got, &t));
}

static enum err_code verdict(const char *text)
{
	AUTO_FREE char *path = path_of("bad.tsv");
	AUTO_CHUNK_RECORD struct chunk_record got = { .n = 0 };

	put_text(path, text);
	return chunk_record_read(path, &got, &err) ? ERR_NONE : err.code;
}

TEST(what_is_no_record_is_refused)
{
	static const char head[] = "plmaint-chunks\t1\t15\tUTF8\n";
	static const char table[] = "table\tpublic\tt\tx text\t1.dat.gz\t512\n";
	static const char *const bad[] = {
		"chunk\t0\t1\t1\t0\t1\t%s\n",	   "chunk\t1\t1\t1\t0\t1\t%s\n",
		"chunk\t0\t-1\t1\t0\t1\t%s\n",	   "chunk\t0\t1\t1\t0\t-1\t%s\n",
		"chunk\t0\t1\t1\t0\t1\t%s0\n",	   "chunk\t0\t1\t1\t0\t1\t%s\tx\n",
		"chunk\t0\t1\tx\t0\t1\t%s\n",	   "chunk\t0\t1\t1\t0\t1\t%s",
		"other\t0\t1\t1\t0\t1\t%s\n",	   "chunk\t0\t1\t99999999999999999999\t0\t1\t%s\n",
		"table\tp\tt\tx\t../1\t512\n%s\n", "table\tp\tt\tx\t1\t0\n%s\n"
	};

	CHECK_INT(verdict(""), ERR_DATA);
	CHECK_INT(verdict("plmaint-chunks\t2\twhat a later one has\n"), ERR_UNSUPPORTED);
	CHECK_INT(verdict("plmaint-other\t1\t15\tUTF8\n"), ERR_DATA);
	CHECK_INT(verdict(head), ERR_NONE);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_STRBUF struct strbuf b = { 0 };
		const char *at = strstr(bad[i], "%s");

		strbuf_adds(&b, head);
		if (i > 0)
			strbuf_adds(&b, table);
		strbuf_add(&b, bad[i], (size_t)(at - bad[i]));
		strbuf_adds(&b, sha);
		strbuf_adds(&b, at + 2);
		CHECK_INT(verdict(b.data), ERR_DATA);
	}
}

TEST(large_tables_have_larger_chunks)
{
	CHECK_INT(chunk_pages(1), 512);
	CHECK_INT(chunk_pages(512 * 8192 - 1), 512);
	CHECK_INT(chunk_pages(512 * 8192), 1024);
	CHECK_INT(chunk_pages(INT64_C(4294967294)), 524288);
}

TEST(older_servers_are_left_to_pg_dump)
{
	CHECK(!pg_paged_known(130022));
	CHECK(pg_paged_known(140000));
	CHECK(pg_paged_known(180001));
}

/* -- files */

struct writer {
	struct chunk_file *file;
	char letter;
	size_t size;
	struct chunk chunk;
	struct err err;
	bool ok;
};

static bool fill(struct chunk_member *m, const struct writer *w, struct err *e)
{
	char piece[4096];

	memset(piece, w->letter, sizeof(piece));
	for (size_t left = w->size; left;) {
		size_t n = left < sizeof(piece) ? left : sizeof(piece);

		if (!chunk_member_add(m, piece, n, e))
			return false;
		left -= n;
	}
	return true;
}

static void *write_one(void *arg)
{
	struct writer *w = arg;
	struct chunk_member *m = chunk_member_new();

	chunk_member_begin(m, w->file);
	w->ok = fill(m, w, &w->err) && chunk_member_end(m, &w->chunk, &w->err);
	chunk_member_free(m);
	return NULL;
}

/* Whether the member is where it says, all of one letter. */
static bool is_there(int fd, const struct writer *w)
{
	AUTO_FREE char *got = xmalloc(w->size + 1);
	char hex[65];

	if (pread(fd, got, w->size, w->chunk.offset) != (ssize_t)w->size)
		return false;
	for (size_t i = 0; i < w->size; i++)
		if (got[i] != w->letter)
			return false;
	sha256_hex(got, w->size, hex);
	return w->chunk.length == (int64_t)w->size && strcmp(hex, w->chunk.sha256) == 0;
}

TEST(members_of_several_threads_are_whole)
{
	AUTO_FREE char *path = path_of("threads");
	static const size_t sizes[] = { 1, 9 << 20, 100000, 5 << 20, (2 << 20) + 1, 2 << 20 };
	struct writer w[ARRAY_LEN(sizes)];
	pthread_t threads[ARRAY_LEN(sizes)];
	struct chunk_file *f = NULL;
	int64_t sum = 0;
	struct stat st;

	REQUIRE(chunk_file_create(path, &f, &err));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		w[i] = (struct writer){ .file = f, .letter = (char)('a' + i), .size = sizes[i] };
		REQUIRE(pthread_create(&threads[i], NULL, write_one, &w[i]) == 0);
		sum += (int64_t)sizes[i];
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		(void)pthread_join(threads[i], NULL);
	CHECK(chunk_file_close(f, &err));
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		CHECK(w[i].ok && is_there(fd, &w[i]));
	CHECK(fstat(fd, &st) == 0);
	CHECK_INT(st.st_size, sum);
}

TEST(what_is_damaged_is_not_taken)
{
	AUTO_FREE char *from = path_of("from");
	AUTO_FREE char *to = path_of("to");
	static const size_t sizes[] = { 1000, 3 << 20 };
	struct chunk_member *m = chunk_member_new();
	struct chunk_file *f = NULL;
	struct writer w[ARRAY_LEN(sizes)];
	struct chunk got;
	bool good;

	REQUIRE(chunk_file_create(from, &f, &err));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		w[i] = (struct writer){ .file = f, .letter = 'x', .size = sizes[i] };
		(void)write_one(&w[i]);
	}
	CHECK(chunk_file_close(f, &err));
	AUTO_FD int fd = open(from, O_RDWR | O_CLOEXEC);
	REQUIRE(chunk_file_create(to, &f, &err));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int64_t at = w[i].chunk.offset + w[i].chunk.length - 1;

		CHECK(chunk_member_take(m, f, fd, &w[i].chunk, &got, &good, &err) && good);
		CHECK_INT(got.length, w[i].chunk.length);
		CHECK_STR(got.sha256, w[i].chunk.sha256);
		CHECK_INT(pwrite(fd, "y", 1, at), 1);
		CHECK(chunk_member_take(m, f, fd, &w[i].chunk, &got, &good, &err) && !good);
	}
	w[1].chunk.length++;
	CHECK(chunk_member_take(m, f, fd, &w[1].chunk, &got, &good, &err) && !good);
	CHECK(chunk_file_close(f, &err));
	chunk_member_free(m);
	struct stat st;
	CHECK(stat(to, &st) == 0);
	CHECK_INT(st.st_size, 1000 + (3 << 20));
}

static bool to_strbuf(void *arg, const void *data, size_t len, struct err *e)
{
	(void)e;
	strbuf_add(arg, data, len);
	return true;
}

/* gzip -t and -dc are the judges. */
TEST(members_are_gzip)
{
	AUTO_FREE char *path = path_of("members.gz");
	AUTO_STRBUF struct strbuf out = { 0 };
	struct gzip *g = gzip_new(1, to_strbuf, &out);
	char line[64];
	long long sum = 0, n, got = 0;
	size_t kept = 0;

	for (int member = 0; member < 3; member++) {
		gzip_begin(g);
		for (int i = 0; i < 50000 * member; i++) {
			int len = snprintf(line, sizeof(line), "%d\n", i * 7919 % 100003);

			sum += i * 7919LL % 100003;
			CHECK(gzip_add(g, line, (size_t)len, &err));
		}
		if (member == 1) { /* forgotten */
			out.len = kept;
			sum = 0;
			continue;
		}
		CHECK(gzip_end(g, &err));
		kept = out.len;
	}
	gzip_free(g);
	CHECK(fs_write_atomic(path, out.data, out.len, 0600, &err));
	const char *const argv[] = { "gzip", "-dc", path, NULL };
	const struct process_options o = { .argv = argv, .max_output = 8 << 20 };
	AUTO_STRBUF struct strbuf text = { 0 };
	int status = -1;
	REQUIRE(process_run(&o, &text, &status, &err) && status == 0);
	for (char *at = text.data, *end; (n = strtoll(at, &end, 10)) || end != at; at = end)
		got += n;
	CHECK_INT(got, sum);
}

TEST(nothing_is_left_behind)
{
	CHECK(fs_remove_tree(base, &err));
}

int main(void)
{
	static const struct tap_row rows[] = { row(a_record_comes_back),
					       row(what_is_no_record_is_refused),
					       row(large_tables_have_larger_chunks),
					       row(older_servers_are_left_to_pg_dump),
					       row(members_of_several_threads_are_whole),
					       row(what_is_damaged_is_not_taken),
					       row(members_are_gzip),
					       row(nothing_is_left_behind) };

	if (!mkdtemp(base))
		return 1;
	return tap_run(rows, (int)ARRAY_LEN(rows));
}
