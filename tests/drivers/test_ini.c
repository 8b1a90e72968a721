/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ini files: what becomes of each line, and that a line that says nothing is named. */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/ini.h"
#include "tests/harness/tap.h"
#include <unistd.h>

static struct err err;
static char path[] = "/tmp/plmaint-ini-XXXXXX";

static bool note(void *arg, const char *section, const char *key, const char *value, int line,
		 struct err *e)
{
	if (strcmp(key, "refused") == 0)
		return err_set(e, ERR_CONFIG, "no such key");
	strbuf_addf(arg, "%d[%s]%s=<%s>\n", line, section, key, value);
	return true;
}

/* What the file's lines came to; borrowed until the next call. */
static const char *read_text(const char *text, size_t len, bool *ret_ok)
{
	static char seen[4096];
	AUTO_FILE FILE *f = fopen(path, "w");
	CHECK(f && fwrite(text, 1, len, f) == len && fflush(f) == 0);
	AUTO_STRBUF struct strbuf b = { 0 };
	strbuf_adds(&b, "");
	*ret_ok = ini_read(path, note, &b, &err);
	snprintf(seen, sizeof seen, "%s", b.data);
	return seen;
}

static void check(const char *text, const char *wanted)
{
	bool ok;
	const char *seen = read_text(text, strlen(text), &ok);
	CHECK_STR(seen, wanted);
	if (!CHECK(ok))
		fprintf(stderr, "# %s\n", err.text);
}

TEST(lines)
{
	int fd = mkstemp(path);
	REQUIRE(fd >= 0);
	close(fd);
	check("", "");
	check("top = 1\n[a.b]\nx=1\ny : 2 \n\n# c\n; d\nempty=\n",
	      "1[]top=<1>\n3[a.b]x=<1>\n4[a.b]y=<2>\n8[a.b]empty=<>\n");
	check("\xEF\xBB\xBF[a]\r\nx = 1\r\n", "2[a]x=<1>\n");
	check("[a]\nx = a=b;c # d ; e\nlast = 1", "2[a]x=<a=b;c # d>\n3[a]last=<1>\n");
}

/* libinih would take the second for a part of the first. */
TEST(indented_keys)
{
	check("[a]\n  x = 1\n  y = 2\n\t# c\n\tz = 3\n", "2[a]x=<1>\n3[a]y=<2>\n5[a]z=<3>\n");
}

TEST(long_values)
{
	AUTO_STRBUF struct strbuf text = { 0 }, wanted = { 0 };
	/* Around the limit of libinih and far beyond it; the comment is cut as in a short line. */
	for (int len = 150; len < 1000; len += len < 220 ? 1 : 97) {
		AUTO_FREE char *value = xmalloc((size_t)len + 1);
		for (int i = 0; i < len; i++)
			value[i] = (char)(i % 7 == 6 && i < len - 1 ? ' ' : 'a' + i % 26);
		value[len] = '\0';
		strbuf_clear(&text);
		strbuf_clear(&wanted);
		strbuf_addf(&text, "[a]\n k  =  %s  ; c\nend = 1\n", value);
		strbuf_addf(&wanted, "2[a]k=<%s>\n3[a]end=<1>\n", value);
		check(text.data, wanted.data);
	}
}

static void check_refused(const char *text, size_t len, int line, const char *what)
{
	bool ok;
	read_text(text, len, &ok);
	CHECK(!ok);
	CHECK_INT(err.code, ERR_CONFIG);
	AUTO_FREE char *place = xasprintf("%s, line %d", path, line);
	if (!CHECK(strstr(err.text, place)) || !CHECK(strstr(err.text, what)))
		fprintf(stderr, "# %s\n", err.text);
}

#define TEXT(s) (s), sizeof(s) - 1

TEST(errors_name_the_line)
{
	check_refused(TEXT("[a]\nx = 1\nnovalue\ny = 2\n"), 3, "key = value");
	check_refused(TEXT("[a]\n[b\n"), 2, "[section]");
	check_refused(TEXT("[a]\nx = 1\nrefused = 1\ny = 2\n"), 3, "no such key");
	/* The first of two. */
	check_refused(TEXT("[a]\nrefused = 1\nnovalue\n"), 2, "no such key");
	check_refused(TEXT("[a]\nnovalue\nrefused = 1\n"), 2, "key = value");
	check_refused(TEXT("[a]\nx = 1\0y\n"), 2, "not text");
}

TEST(files_that_cannot_be_read)
{
	CHECK(!ini_read("/nosuch/file", note, NULL, &err));
	CHECK_INT(err.code, ERR_NOT_FOUND);
	CHECK(strstr(err.text, "/nosuch/file"));
	CHECK(!ini_read("/tmp", note, NULL, &err));
	CHECK_INT(err.code, ERR_IO);
	CHECK(unlink(path) == 0);
}

TAP_MAIN(row(lines), row(indented_keys), row(long_values), row(errors_name_the_line),
	 row(files_that_cannot_be_read))
