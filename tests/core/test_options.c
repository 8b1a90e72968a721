/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words become values of a struct; every mistake names the option. */
#include "lib/core/options.h"

#include "tests/harness/tap.h"

struct values {
	int dry_run;
	char *dir, **tags;
	long jobs, memory;
	double grace;
};
struct more {
	int json;
	char *config;
};
#define AT(m) offsetof(struct values, m)
static const struct opt table[] = {
	{ .name = "dry-run", .letter = 'n', .kind = OPT_FLAG, .offset = AT(dry_run), .help = "h" },
	{ .name = "dir", .kind = OPT_TEXT, .offset = AT(dir), .arg = "DIR", .help = "h" },
	{ .name = "tag", .kind = OPT_LIST, .offset = AT(tags), .arg = "TAG", .help = "h" },
	{ .name = "jobs",
	  .letter = 'j',
	  .kind = OPT_INT,
	  .offset = AT(jobs),
	  .arg = "N",
	  .help = "h",
	  .min = 1,
	  .max = 8,
	  .fallback = "2" },
	{ .name = "memory",
	  .kind = OPT_SIZE,
	  .offset = AT(memory),
	  .arg = "SIZE",
	  .help = "h",
	  .fallback = "48MB" },
	{ .name = "grace",
	  .kind = OPT_SECONDS,
	  .offset = AT(grace),
	  .arg = "TIME",
	  .help = "h",
	  .fallback = "30s" },
	OPTS_END,
};
static const struct opt globals[] = {
	{ .name = "json", .kind = OPT_FLAG, .offset = offsetof(struct more, json), .help = "h" },
	{ .name = "config",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct more, config),
	  .arg = "FILE",
	  .help = "h" },
	OPTS_END,
};

static char *const *words(const char *const *w, int *n)
{
	char *const *argv;

	for (*n = 0; w[*n];)
		++*n;
	memcpy(&argv, &w,
	       sizeof(argv)); /* the parser takes argv as main gets it and changes nothing */
	return argv;
}

static bool parse(const char *const *w, struct values *v, struct more *m, const char ***operands,
		  struct err *err)
{
	int n;
	char *const *argv = words(w, &n);

	return options_parse(table, v, globals, m, n, argv, operands, err);
}
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

TEST(defaults)
{
	struct values v = { 0 };
	struct more m = { 0 };
	const char **operands = NULL;
	struct err err;

	CHECK(parse((const char *const[]){ NULL }, &v, &m, &operands, &err));
	CHECK_INT(v.jobs, 2);
	CHECK_INT(v.memory, 48000000);
	CHECK(v.grace == 30);
	CHECK(operands && !operands[0]);
	free(operands);
	options_release(table, &v);
}

TEST(values_and_operands_in_any_order)
{
	struct values v = { 0 };
	struct more m = { 0 };
	const char **operands = NULL;
	struct err err;

	REQUIRE(parse(WORDS("one", "--json", "-nj", "3", "--tag=a", "two", "--tag", "b", "--dir",
			    "/", "--config=f", "--", "--three"),
		      &v, &m, &operands, &err));
	CHECK_INT(v.dry_run, 1);
	CHECK_INT(v.jobs, 3);
	CHECK_STR(v.dir, "/");
	CHECK_STR(v.tags[0], "a");
	CHECK_STR(v.tags[1], "b");
	CHECK(!v.tags[2]);
	CHECK_INT(m.json, 1);
	CHECK_STR(m.config, "f");
	CHECK_STR(operands[0], "one");
	CHECK_STR(operands[1], "two");
	CHECK_STR(operands[2], "--three");
	CHECK(!operands[3]);
	free(operands);
	options_release(table, &v);
	options_release(globals, &m);
}

static void fails(const char *const *w, const char *text, const char *hint)
{
	struct values v = { 0 };
	struct more m = { 0 };
	const char **operands = NULL;
	struct err err = { 0 };

	CHECK(!parse(w, &v, &m, &operands, &err));
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_STR(err.text, text);
	CHECK_STR(err.hint, hint);
	CHECK(!operands);
	options_release(table, &v);
	options_release(globals, &m);
}

TEST(mistakes)
{
	fails(WORDS("--dry-rnu"), "unknown option '--dry-rnu'", "Did you mean --dry-run?");
	fails(WORDS("--jsno=1"), "unknown option '--jsno'", "Did you mean --json?");
	fails(WORDS("--zebra"), "unknown option '--zebra'", "Options are listed by --help.");
	fails(WORDS("-z"), "unknown option '-z'", "Options are listed by --help.");
	fails(WORDS("--dir", ""), "--dir: its value is empty", "Leave --dir out, or say its DIR.");
	fails(WORDS("--dir"), "option '--dir' needs a value", "");
	fails(WORDS("--json=1"), "option '--json=1' takes no value", "");
	fails(WORDS("--jobs", "9"), "--jobs: '9' is outside 1..8", "");
	fails(WORDS("-j", "x"), "--jobs: 'x' is not a whole number", "");
	fails(WORDS("--grace", "soon"), "--grace: 'soon' is not a duration",
	      "Write it like 90, 250ms, 15m, 2h, 1h30m or 1d.");
}

TEST(leading_globals_stop_at_the_first_word)
{
	struct more m = { 0 };
	struct err err;
	int used = -1, n;
	char *const *argv = words(WORDS("--config", "f", "--json", "run", "--json"), &n);

	REQUIRE(options_parse_leading(globals, &m, n, argv, &used, &err));
	CHECK_INT(used, 3);
	CHECK_INT(m.json, 1);
	CHECK_STR(m.config, "f");
	argv = words(WORDS("--nope", "run"), &n);
	CHECK(!options_parse_leading(globals, &m, n, argv, &used, &err));
	CHECK_INT(used, 3);
	options_release(globals, &m);
}

TEST(set_by_name)
{
	struct values v = { 0 };
	struct err err;

	CHECK(options_set(table, &v, "jobs", "4", &err) && v.jobs == 4);
	CHECK(options_set(table, &v, "dry-run", "yes", &err) && v.dry_run == 1);
	CHECK(!options_set(table, &v, "dry-run", "perhaps", &err));
	CHECK(!options_set(table, &v, "jbos", "4", &err));
	CHECK_STR(err.hint, "Did you mean --jobs?");
	options_release(table, &v);
}

TAP_MAIN(row(defaults), row(values_and_operands_in_any_order), row(mistakes),
	 row(leading_globals_stop_at_the_first_word), row(set_by_name))
