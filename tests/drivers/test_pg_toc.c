/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of contents of a dump, made by hand in each version of the archive, and damaged. */
#include "lib/core/mem.h"
#include "lib/drivers/pg_toc.h"
#include "tests/harness/tap.h"
#include <limits.h>
#include <string.h>

static struct err err;

static void number(struct strbuf *b, int v)
{
	unsigned rest = v < 0 ? -(unsigned)v : (unsigned)v;
	char bytes[5] = { (char)(v < 0), (char)rest, (char)(rest >> 8), (char)(rest >> 16),
			  (char)(rest >> 24) };

	strbuf_add(b, bytes, sizeof bytes);
}

static void text(struct strbuf *b, const char *s)
{
	number(b, s ? (int)strlen(s) : -1);
	if (s)
		strbuf_adds(b, s);
}

static void head(struct strbuf *b, int minor, int entries)
{
	const char fixed[] = { 'P', 'G', 'D', 'M', 'P', 1, (char)minor, 0, 4, 8, 3 };

	strbuf_add(b, fixed, sizeof fixed);
	if (minor >= 15)
		strbuf_add(b, "\1", 1);
	else
		number(b, -1);
	for (int i = 0; i < 7; i++)
		number(b, i == 6 ? 0 : 10 * i);
	text(b, "pulp");
	text(b, "15.4");
	text(b, NULL);
	number(b, entries);
}

struct row {
	int id, section;
	const char *desc, *tag, *copy, *depends, *file;
};

static void entry(struct strbuf *b, int minor, struct row r)
{
	bool data = r.copy != NULL;

	number(b, r.id);
	number(b, data);
	text(b, data ? "0" : "1259");
	text(b, "16385");
	text(b, r.tag);
	text(b, r.desc);
	number(b, r.section);
	text(b, data ? NULL : "CREATE ...");
	text(b, data ? NULL : "DROP ...");
	text(b, r.copy);
	text(b, "public");
	text(b, data ? NULL : "");
	text(b, data ? NULL : "heap");
	if (minor >= 16)
		number(b, data ? 0 : 'r');
	text(b, "pulp");
	text(b, "false");
	if (r.depends)
		text(b, r.depends);
	text(b, NULL);
	text(b, r.file);
}

#define COPY "COPY public.t (a, b) FROM stdin;\n"
static const struct row table = { 7, 2, "TABLE", "t", NULL, NULL, "" },
			view = { 9, 2, "VIEW", "v", NULL, "7", "" },
			index_of = { 8, 4, "INDEX", "i", NULL, "41", "" },
			added = { 42, 3, "TABLE DATA", "t", COPY, "7", "42.dat" };

/* A table, a view and an index, which depends on something that was not dumped. */
static void make(struct strbuf *b, int minor, bool with)
{
	head(b, minor, with ? 4 : 3);
	entry(b, minor, table);
	entry(b, minor, view);
	if (with)
		entry(b, minor, added);
	entry(b, minor, index_of);
}

static void check_bytes(const struct pg_toc *t, const struct strbuf *wanted)
{
	AUTO_STRBUF struct strbuf got = { 0 };

	pg_toc_bytes(t, &got);
	CHECK_MEM(got.data, got.len, wanted->data, wanted->len);
}

static void check_version(int minor)
{
	AUTO_STRBUF struct strbuf b = { 0 }, wanted = { 0 };
	AUTO_PG_TOC struct pg_toc *t = NULL;
	AUTO_FREE char *file = NULL, *again = NULL;

	make(&b, minor, false);
	make(&wanted, minor, true);
	REQUIRE(pg_toc_parse(b.data, b.len, &t, &err));
	CHECK_INT(pg_toc_server_version(t), 150000);
	check_bytes(t, &b);
	REQUIRE(pg_toc_add_table_data(t, "public", "t", COPY, &file, &err));
	CHECK_STR(file, "42.dat");
	check_bytes(t, &wanted);
	CHECK(!pg_toc_add_table_data(t, "public", "t", COPY, &again, &err));
	CHECK_INT(err.code, ERR_DATA);
	CHECK(strstr(err.text, "has the data of public.t"));
	check_bytes(t, &wanted);
}

TEST(versions)
{
	for (int minor = 14; minor <= 16; minor++)
		check_version(minor);
}

TEST(tables_that_are_not_there)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	AUTO_PG_TOC struct pg_toc *t = NULL;
	AUTO_FREE char *file = NULL;

	make(&b, 15, false);
	REQUIRE(pg_toc_parse(b.data, b.len, &t, &err));
	/* Another schema, no table, the beginning of a name, longer than it. */
	const char *const no[][2] = {
		{ "other", "t" }, { "public", "v" }, { "public", "" }, { "public", "tt" }
	};
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		CHECK(!pg_toc_add_table_data(t, no[i][0], no[i][1], COPY, &file, &err));
		CHECK_INT(err.code, ERR_NOT_FOUND);
	}
	check_bytes(t, &b);
}

static void check_refused(const struct strbuf *b, enum err_code code, const char *words)
{
	struct pg_toc *t = NULL;

	CHECK(!pg_toc_parse(b->data, b->len, &t, &err));
	CHECK_INT(err.code, code);
	if (!CHECK(strstr(err.text, words)))
		fprintf(stderr, "# %s\n", err.text);
	CHECK(t == NULL);
}

TEST(versions_that_are_not_known)
{
	/* Place in the head, and what is there instead. */
	static const char odd[][2] = { { 5, 2 }, { 6, 13 }, { 6, 17 }, { 7, 1 }, { 8, 8 } };
	AUTO_STRBUF struct strbuf b = { 0 };

	make(&b, 16, false);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		char was = b.data[(size_t)odd[i][0]];

		b.data[(size_t)odd[i][0]] = odd[i][1];
		check_refused(&b, ERR_UNSUPPORTED, "1.14 to 1.16 are");
		b.data[(size_t)odd[i][0]] = was;
	}
}

TEST(cut_anywhere)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	struct pg_toc *t = NULL;

	make(&b, 14, true);
	for (size_t len = 0; len < b.len; len++) {
		CHECK(!pg_toc_parse(b.data, len, &t, &err));
		CHECK_INT(err.code, ERR_DATA);
	}
	strbuf_add(&b, "", 1);
	check_refused(&b, ERR_DATA, "behind its entries");
}

/* One entry that is not as it should be. */
static void check_entry(struct row r, enum err_code code, const char *words)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	head(&b, 16, 2);
	entry(&b, 16, table);
	entry(&b, 16, r);
	check_refused(&b, code, words);
}

TEST(damage)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	struct row r = view;

	strbuf_adds(&b, "PGDUMP");
	check_refused(&b, ERR_DATA, "no table of contents");
	strbuf_clear(&b);
	make(&b, 16, false);
	b.data[10] = 1;
	check_refused(&b, ERR_DATA, "one file");
	for (size_t i = 0; i < 4; i++) {
		static const int counts[] = { -1, INT_MAX, 4, 2 };

		strbuf_clear(&b);
		make(&b, 16, false);
		AUTO_STRBUF struct strbuf start = { 0 }, n = { 0 };
		head(&start, 16, 0);
		number(&n, counts[i]);
		memcpy(b.data + start.len - n.len, n.data, n.len);
		check_refused(&b, ERR_DATA, "damaged");
	}
	r.id = 0;
	check_entry(r, ERR_DATA, "entry 2 of 2");
	r.id = -9;
	check_entry(r, ERR_DATA, "entry 2 of 2");
	r.id = 9;
	for (size_t i = 0; i < 5; i++) {
		static const char *const ids[] = { "", "0", "-7", "2147483648", "99999999999" };

		r.depends = ids[i];
		check_entry(r, ERR_DATA, "entry 2 of 2");
	}
}

TEST(no_id_is_left)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	AUTO_PG_TOC struct pg_toc *t = NULL;
	AUTO_FREE char *file = NULL;
	struct row r = view;

	r.id = INT_MAX;
	head(&b, 16, 2);
	entry(&b, 16, table);
	entry(&b, 16, r);
	REQUIRE(pg_toc_parse(b.data, b.len, &t, &err));
	CHECK(!pg_toc_add_table_data(t, "public", "t", COPY, &file, &err));
	CHECK_INT(err.code, ERR_DATA);
}

TEST(archives_without_one)
{
	struct pg_toc *t = NULL;

	CHECK(!pg_toc_read("/nosuch", &t, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	CHECK(!pg_toc_read("/proc/self", &t, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	CHECK(strstr(err.text, "toc.dat"));
}

TAP_MAIN(row(versions), row(tables_that_are_not_there), row(versions_that_are_not_known),
	 row(cut_anywhere), row(damage), row(no_id_is_left), row(archives_without_one))
