/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository on a real file system: what is made, refused, written and found damaged. */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/hash.h"
#include "lib/store/listing.h"
#include "lib/store/manifest.h"
#include "lib/store/object.h"
#include "tests/harness/tap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;
static char base[] = "/tmp/plmaint-store-XXXXXX";

static void put_text(const char *path, const char *text)
{
	AUTO_FILE FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0);
}

static struct repository *made(const char *name)
{
	AUTO_FREE char *dir = xasprintf("%s/%s", base, name);
	struct repository *r = NULL;

	CHECK(repository_open(dir, true, &r, &err));
	return r;
}

static void close_repository(struct repository **r)
{
	repository_close(*r);
}
#define AUTO_REPOSITORY __attribute__((cleanup(close_repository)))

/* A text as an object; its digest is out. */
static enum object_verdict put_object(struct object_writer *w, const char *text, const char *wanted,
				      char out[65])
{
	AUTO_FREE char *path = xasprintf("%s/source", base);
	struct object_copy copy = { .verdict = OBJECT_MISSING };

	put_text(path, text);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(object_put(w, fd, wanted, &copy, &err));
	snprintf(out, 65, "%s", copy.sha256);
	return copy.verdict;
}

TEST(a_repository_is_made_once_and_found_again)
{
	AUTO_REPOSITORY struct repository *r = made("made");
	AUTO_REPOSITORY struct repository *again = NULL;

	REQUIRE(r);
	REQUIRE(repository_open(repository_dir(r), false, &again, &err));
	CHECK_STR(repository_id(again), repository_id(r));
	CHECK_INT(strlen(repository_id(r)), 36);
}

TEST(what_is_no_repository_is_refused)
{
	AUTO_FREE char *dir = xasprintf("%s/other", base);
	AUTO_FREE char *file = xasprintf("%s/other/notes.txt", base);
	AUTO_FREE char *yml = xasprintf("%s/other/metadata.yml", base);
	AUTO_FREE char *mark = xasprintf("%s/other/plmaint-backup.json", base);
	struct repository *r = NULL;

	CHECK(!repository_open(dir, false, &r, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	REQUIRE(mkdir(dir, 0700) == 0);
	CHECK(!repository_open(dir, false, &r, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	put_text(file, "mine");
	CHECK(!repository_open(dir, true, &r, &err));
	CHECK_INT(err.code, ERR_USAGE);
	put_text(yml, "---\n");
	CHECK(!repository_open(dir, true, &r, &err));
	CHECK_INT(err.code, ERR_UNSUPPORTED);
	CHECK(strstr(err.text, "foreman-maintain") != NULL);
	put_text(mark, "{\"format\": 2, \"id\": \"x\"}");
	CHECK(!repository_open(dir, true, &r, &err));
	CHECK_INT(err.code, ERR_UNSUPPORTED);
	put_text(mark, "{\"format\": 1}");
	CHECK(!repository_open(dir, true, &r, &err));
	CHECK_INT(err.code, ERR_DATA);
}

TEST(one_writer_at_a_time)
{
	AUTO_REPOSITORY struct repository *r = made("lock");
	AUTO_REPOSITORY struct repository *other = made("lock");

	REQUIRE(r && other);
	CHECK(repository_lock(r, &err));
	CHECK(repository_lock(r, &err));
	CHECK(!repository_lock(other, &err));
	CHECK_INT(err.code, ERR_LOCKED);
	repository_close(TAKE(r));
	CHECK(repository_lock(other, &err));
}

TEST(a_clock_that_goes_back_does_not_change_the_order)
{
	AUTO_REPOSITORY struct repository *r = made("clock");
	struct backup_entry *all = NULL;
	char id[3][BACKUP_ID_SIZE];
	size_t n = 0;

	REQUIRE(r);
	CHECK(repository_begin(r, 1795296693, id[0], &err));
	CHECK(repository_begin(r, 1795296693, id[1], &err));
	CHECK(repository_begin(r, 1795000000, id[2], &err));
	CHECK_STR(id[0], "20261121T213133Z");
	CHECK_STR(id[1], "20261121T213134Z");
	CHECK_STR(id[2], "20261121T213135Z");
	CHECK_INT(backup_id_time(id[0]), 1795296693);
	CHECK(!backup_id_valid("20261121T213133"));
	CHECK(!backup_id_valid("20261341T213133Z"));
	CHECK(!backup_id_valid("../20261121T21313"));
	REQUIRE(repository_backups(r, &all, &n, &err));
	CHECK_INT(n, 3);
	CHECK(n == 3 && !all[0].whole && strcmp(all[2].id, id[2]) == 0);
	free(all);
	CHECK(repository_discard(r, id[1], &err));
	REQUIRE(repository_backups(r, &all, &n, &err));
	CHECK_INT(n, 2);
	free(all);
}

static bool count_object(void *arg, const char *sha256, struct err *e)
{
	(void)sha256, (void)e;
	++*(size_t *)arg;
	return true;
}

TEST(an_object_has_its_name_only_when_it_is_whole)
{
	AUTO_REPOSITORY struct repository *r = made("objects");
	char digest[65], other[65], wrong[65];
	bool has = true;

	REQUIRE(r);
	struct object_writer *w = object_writer_new(r);
	struct object_shelf *s = object_shelf_new(r);
	sha256_hex("layer", 5, wrong);
	CHECK_INT(put_object(w, "layer", wrong, digest), OBJECT_GOOD);
	CHECK_STR(digest, wrong);
	CHECK_INT(put_object(w, "liar", wrong, other), OBJECT_DIFFERS);
	CHECK_INT(object_verify(r, digest, 5, NULL), OBJECT_MISSING);
	CHECK(object_shelf_has(s, digest, &has, &err) && !has);
	CHECK(object_writer_flush(w, &err));
	object_shelf_free(s);
	s = object_shelf_new(r);
	CHECK(object_shelf_has(s, digest, &has, &err) && has);
	CHECK_INT(object_verify(r, digest, 5, NULL), OBJECT_GOOD);
	CHECK_INT(object_verify(r, digest, 6, NULL), OBJECT_DIFFERS);
	CHECK_INT(object_verify(r, other, -1, NULL), OBJECT_MISSING);
	object_shelf_free(s);
	object_writer_free(w);
}

/* A shelf that is new is named at once, one that has something file by file; equal bytes come once.
 */
TEST(what_joins_a_shelf_takes_nothing_from_it)
{
	static const char *const texts[] = { "first", "second", "first" };
	AUTO_REPOSITORY struct repository *r = made("shelves");
	char digest[3][65], known[65];

	REQUIRE(r);
	/* All in one shelf: the names of texts are looked for until they are. */
	struct object_writer *w = object_writer_new(r);
	for (size_t round = 0; round < 2; round++)
		for (int n = 0, found = 0; found < 3; n++) {
			AUTO_FREE char *text = xasprintf("%zu.%d", round, n);

			sha256_hex(text, strlen(text), known);
			if (strncmp(known, "5a", 2) != 0)
				continue;
			CHECK_INT(put_object(w, text, known, digest[found++]), OBJECT_GOOD);
			CHECK_INT(put_object(w, text, known, known), OBJECT_GOOD);
			CHECK_INT(put_object(w, "liar", known, known), OBJECT_DIFFERS);
			if (found < 3)
				continue;
			CHECK(object_writer_flush(w, &err));
			for (size_t i = 0; i < 3; i++)
				CHECK_INT(object_verify(r, digest[i], -1, NULL), OBJECT_GOOD);
		}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		CHECK_INT(put_object(w, texts[i], NULL, digest[i]), OBJECT_GOOD);
	CHECK(object_writer_flush(w, &err));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		CHECK_INT(object_verify(r, digest[i], -1, NULL), OBJECT_GOOD);
	size_t n = 0;
	CHECK(object_walk(r, count_object, &n, &err));
	CHECK_INT(n, 8);
	object_writer_free(w);
	AUTO_FREE char *tmp = xasprintf("%s/store/tmp", repository_dir(r));
	CHECK(rmdir(tmp) == 0);
}

TEST(what_rots_is_seen)
{
	AUTO_REPOSITORY struct repository *r = made("rot");
	char digest[65];

	REQUIRE(r);
	struct object_writer *w = object_writer_new(r);
	CHECK_INT(put_object(w, "bytes", NULL, digest), OBJECT_GOOD);
	CHECK(object_writer_flush(w, &err));
	object_writer_free(w);
	AUTO_FREE char *path = xasprintf("%s/store/%.2s/%s", repository_dir(r), digest, digest + 2);
	REQUIRE(chmod(path, 0600) == 0);
	put_text(path, "bytez");
	CHECK_INT(object_verify(r, digest, 5, NULL), OBJECT_DIFFERS);
	REQUIRE(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
	CHECK_INT(object_verify(r, digest, -1, NULL), OBJECT_FOREIGN);
	struct object_shelf *s = object_shelf_new(r);
	bool has = true;
	CHECK(object_shelf_has(s, digest, &has, &err) && !has);
	object_shelf_free(s);
}

TEST(what_a_kill_left_is_swept)
{
	AUTO_REPOSITORY struct repository *r = made("sweep");
	char digest[65];

	REQUIRE(r);
	struct object_writer *w = object_writer_new(r);
	CHECK_INT(put_object(w, "half", NULL, digest), OBJECT_GOOD);
	object_writer_free(w);
	AUTO_FREE char *tmp = xasprintf("%s/store/tmp", repository_dir(r));
	CHECK(rmdir(tmp) != 0);
	CHECK(object_sweep(r, &err));
	CHECK(rmdir(tmp) == 0);
	CHECK_INT(object_verify(r, digest, -1, NULL), OBJECT_MISSING);
}

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

TEST(a_list_holds_any_name)
{
	static const char *const names[] = { "artifact/ab/cd", "a\nb", "tab\there",
					     "back\\slash",    "\\N",  "\xff\xfe" };
	AUTO_FREE char *path = xasprintf("%s/names.tsv", base);
	AUTO_STRBUF struct strbuf text = { 0 };
	const struct listing_row *row = NULL;
	struct listing *l = NULL;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		listing_add(&text, zeros, (int64_t)i, names[i]);
	put_text(path, text.data);
	REQUIRE(listing_open(path, &l, &err));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		REQUIRE(listing_next(l, &row, &err) && row);
		CHECK_STR(row->path, names[i]);
		CHECK_STR(row->sha256, zeros);
		CHECK_INT(row->size, i);
	}
	CHECK(listing_next(l, &row, &err) && !row);
	listing_close(l);
}

TEST(a_damaged_list_says_where)
{
	static const char *const bad[] = { "xyz\t1\tname\n", "%s\t-1\tname\n",	"%s\t1\t\n",
					   "%s\t1\tname",    "%s\t1\tna\\me\n", "%s 1 name\n" };
	AUTO_FREE char *path = xasprintf("%s/bad.tsv", base);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct listing_row *row = NULL;
		struct listing *l = NULL;
		AUTO_STRBUF struct strbuf text = { 0 };

		strbuf_adds(&text, bad[i][0] == '%' ? zeros : "");
		strbuf_adds(&text, bad[i] + (bad[i][0] == '%' ? 2 : 0));
		put_text(path, text.data);
		REQUIRE(listing_open(path, &l, &err));
		CHECK(!listing_next(l, &row, &err));
		CHECK(err.code == ERR_DATA && strstr(err.text, "line 1") != NULL);
		listing_close(l);
	}
}

static struct backup_manifest example(const char *id)
{
	struct backup_manifest m = { .id = xstrdup(id),
				     .plmaint = xstrdup("1"),
				     .kind = xstrdup("online"),
				     .host = xstrdup("a\"b"),
				     .started = xstrdup("2026-11-21T21:31:33.000Z"),
				     .ended = xstrdup("2026-11-21T21:32:33.000Z"),
				     .span_seconds = 0.25,
				     .snapshots = 2,
				     .artifacts = { 5, 6, 7, 8 } };

	m.features = xcalloc(2, sizeof(*m.features));
	m.features[0] = xstrdup("pulp");
	m.versions = xcalloc(2, sizeof(*m.versions));
	m.versions[0] = (struct manifest_pair){ xstrdup("core"), xstrdup("3.63.1") };
	m.n_databases = 1;
	m.databases = xcalloc(1, sizeof(*m.databases));
	m.databases[0] = (struct manifest_database){ .feature = xstrdup("pulp"),
						     .name = xstrdup("pulp"),
						     .directory = xstrdup("databases/pulp"),
						     .server_version = 150014,
						     .encoding = xstrdup("UTF8"),
						     .collation = xstrdup("C"),
						     .owner = xstrdup("pulp"),
						     .bytes = 77,
						     .snapshot = xstrdup("00-1") };
	m.n_files = 1;
	m.files = xcalloc(1, sizeof(*m.files));
	m.files[0].path = xstrdup("artifacts.tsv");
	m.files[0].size = 12;
	memcpy(m.files[0].sha256, zeros, sizeof(zeros));
	return m;
}

TEST(a_manifest_comes_back_as_it_was_written)
{
	AUTO_REPOSITORY struct repository *r = made("manifest");
	AUTO_BACKUP_MANIFEST struct backup_manifest back = { 0 };
	struct backup_entry *all = NULL;
	char id[BACKUP_ID_SIZE];
	size_t n = 0;

	REQUIRE(r && repository_begin(r, 1795296693, id, &err));
	CHECK(!backup_manifest_read(r, id, &back, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	AUTO_BACKUP_MANIFEST struct backup_manifest m = example(id);
	REQUIRE(backup_manifest_write(r, &m, &err));
	REQUIRE(backup_manifest_read(r, id, &back, &err));
	CHECK_STR(back.host, "a\"b");
	CHECK_STR(back.features[0], "pulp");
	CHECK_STR(back.versions[0].value, "3.63.1");
	CHECK_STR(back.databases[0].directory, "databases/pulp");
	CHECK_INT(back.databases[0].server_version, 150014);
	CHECK_INT(back.artifacts.new_bytes, 8);
	CHECK_STR(back.files[0].path, "artifacts.tsv");
	CHECK(back.encryption == NULL && back.span_seconds == 0.25);
	CHECK_INT(back.snapshots, 2);
	REQUIRE(repository_backups(r, &all, &n, &err));
	CHECK(n == 1 && all[0].whole);
	free(all);
}

TEST(a_manifest_that_is_not_ours_is_refused)
{
	static const struct {
		const char *from, *to;
		enum err_code code;
	} cases[] = { { "\"format\":1", "\"format\":2", ERR_UNSUPPORTED },
		      { "artifacts.tsv", "../tsv", ERR_DATA },
		      { "databases/pulp", "/atabases/pulp", ERR_DATA },
		      { "\"size\":12", "\"size\":-1", ERR_DATA },
		      { "20261121T213133Z", "20261121T213134Z", ERR_DATA },
		      { "\"host\":", "\"hast\":", ERR_DATA },
		      { "{", "[", ERR_DATA } };
	AUTO_REPOSITORY struct repository *r = made("refused");
	char id[BACKUP_ID_SIZE];

	REQUIRE(r && repository_begin(r, 1795296693, id, &err));
	AUTO_FREE char *path = repository_backup_path(r, id, "manifest.json");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BACKUP_MANIFEST struct backup_manifest m = example(id);
		AUTO_BACKUP_MANIFEST struct backup_manifest back = { 0 };
		char text[4096] = "";

		REQUIRE(backup_manifest_write(r, &m, &err));
		AUTO_FILE FILE *f = fopen(path, "r");
		REQUIRE(f && fread(text, 1, sizeof(text) - 1, f) > 0);
		char *at = strstr(text, cases[i].from);
		REQUIRE(at);
		AUTO_FREE char *changed = xasprintf("%.*s%s%s", (int)(at - text), text, cases[i].to,
						    at + strlen(cases[i].from));
		REQUIRE(unlink(path) == 0);
		put_text(path, changed);
		CHECK(!backup_manifest_read(r, id, &back, &err));
		CHECK_INT(err.code, cases[i].code);
	}
}

TEST(nothing_is_left_behind)
{
	CHECK(fs_remove_tree(base, &err));
	CHECK(access(base, F_OK) != 0);
}

int main(void)
{
	static const struct tap_row rows[] = {
		row(a_repository_is_made_once_and_found_again),
		row(what_is_no_repository_is_refused),
		row(one_writer_at_a_time),
		row(a_clock_that_goes_back_does_not_change_the_order),
		row(an_object_has_its_name_only_when_it_is_whole),
		row(what_joins_a_shelf_takes_nothing_from_it),
		row(what_rots_is_seen),
		row(what_a_kill_left_is_swept),
		row(a_list_holds_any_name),
		row(a_damaged_list_says_where),
		row(a_manifest_comes_back_as_it_was_written),
		row(a_manifest_that_is_not_ours_is_refused),
		row(nothing_is_left_behind)
	};

	if (!mkdtemp(base))
		return 1;
	return tap_run(rows, (int)ARRAY_LEN(rows));
}
