/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each reporter prints for the same events. */
#include "lib/report/report.h"

#include "tests/harness/tap.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

struct box {
	FILE *out;
	char *text;
	size_t len;
	struct reporter *r;
};

static void box_open(struct box *b, enum report_style style, bool colour, bool quiet)
{
	*b = (struct box){ 0 };
	b->out = open_memstream(&b->text, &b->len);
	if (!b->out)
		abort();
	b->r = report_open(&(struct report_options){ .style = style,
						     .out = b->out,
						     .colour = colour,
						     .quiet = quiet,
						     .run_id = "the-run" });
}

static const char *text_of(struct box *b)
{
	(void)fflush(b->out);
	return b->text;
}

static void box_close(struct box *b)
{
	report_close(b->r);
	(void)fclose(b->out);
	free(b->text);
}
#define AUTO_BOX __attribute__((cleanup(box_close)))

static void progress(const struct reporter *r, int done)
{
	EMIT(r, "progress", F_TEXT("label", "fill"), F_INT("done", done), F_INT("total", 100000),
	     F_REAL("rate", 9800.4), F_INT("bytes", 120000000), F_TEXT("reason", "lock of a table"),
	     { .key = "eta", .kind = FIELD_RANGE, .v.range = { 4, 5, 7 } });
}

TEST(plain_progress_at_most_once_a_minute)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_PLAIN, false, false);
	progress(b.r, 45000);
	progress(b.r, 46000);
	CHECK_STR(text_of(&b),
		  "  fill:  45 %  45,000 of 100,000 rows, 9,800 rows/s, about 5.0 s left, "
		  "4.0 to 7.0 s, 120 MB; waits: lock of a table\n");
}

TEST(bytes_are_told_once_and_nothing_before_there_is_any)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_PLAIN, false, false);
	EMIT(b.r, "progress", F_TEXT("label", "dump"), F_TEXT("unit", "bytes"), F_INT("done", 0));
	CHECK_STR(text_of(&b), "");
	EMIT(b.r, "progress", F_TEXT("label", "dump"), F_TEXT("unit", "bytes"),
	     F_INT("done", 2119445), F_INT("total", 2119798), F_REAL("rate", 4159413),
	     F_INT("bytes", 2119445), F_INT("bytes_total", 2119798));
	CHECK_STR(text_of(&b), "  dump:  99 %  2.1 MB of 2.1 MB, 4.2 MB/s\n");
}

TEST(status_line_has_all)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_PLAIN, false, false);
	EMIT(b.r, "progress", F_TEXT("label", "fill"), F_INT("done", 80), F_INT("total", 100),
	     F_BOOL("estimated", true), F_REAL("rate", 10), F_REAL("duty", 0.25),
	     F_REAL("felt", 0.0042), F_REAL("felt_limit", 0.005),
	     F_TEXT("reason", "another session waited 40 ms for a lock of ours"),
	     { .key = "eta", .kind = FIELD_RANGE, .v.range = { 720, 840, 1140 } });
	CHECK_STR(text_of(&b),
		  "  fill:  80 %  80 of ± 100 rows, 10 rows/s at duty 0.25, about 14 min left, "
		  "12 to 19 min, requests take 4.2 of 5.0 ms; slowed: another session waited 40 ms "
		  "for a lock of ours\n");
}

TEST(nothing_is_more_than_whole)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_PLAIN, false, false);
	EMIT(b.r, "progress", F_TEXT("label", "fill"), F_INT("done", 120), F_INT("total", 100),
	     { .key = "eta", .kind = FIELD_RANGE, .v.range = { 4, 5, 7 } });
	CHECK_STR(text_of(&b), "  fill: 100 %  120 of 100 rows\n");
}

TEST(plain_step_and_end)
{
	static const char *const examples[] = { "a\033[2Jb", NULL };
	static const char *const failing[] = { "x-check", "y", NULL };
	AUTO_BOX struct box b;

	box_open(&b, REPORT_PLAIN, false, false);
	EMIT(b.r, "step.end", F_TEXT("label", "x-check"), F_TEXT("kind", "check"),
	     F_TEXT("result", "finding"), F_REAL("seconds", 1.24),
	     F_TEXT("summary", "nothing is wrong"), F_TEXT("message", "two things are wrong"),
	     F_LIST("examples", examples), F_TEXT("hint", "Mend them."));
	EMIT(b.r, "run.end", F_REAL("seconds", 3), F_INT("exit", 1), F_INT("rows", 1234),
	     F_LIST("failing", failing), F_LIST("whitelist", failing + 1));
	CHECK_STR(
		text_of(&b),
		"Nothing is wrong:                                              [FAIL] 1.2 s\n"
		"  two things are wrong\n"
		"  - a\\x1b[2Jb\n"
		"  hint: Mend them.\n"
		"--------------------------------------------------------------------------------\n"
		"The following steps did not pass:\n"
		"  x-check\n"
		"  y\n"
		"Mend what they name and run the command again. To pass over them at your own\n"
		"  risk, add:\n"
		"  --whitelist=\"y\"\n"
		"Failed after 3.0 s: 1,234 rows written.\n");
}

TEST(waits_and_notices_are_told)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_PLAIN, false, false);
	EMIT(b.r, "wait", F_TEXT("label", "detach"), F_TEXT("reason", "a task that ran then"),
	     F_REAL("seconds", 30));
	EMIT(b.r, "notice", F_TEXT("level", "warning"), F_TEXT("message", "no ledger"),
	     F_TEXT("hint", "Grant it."));
	CHECK_STR(text_of(&b), "  detach waits: a task that ran then, 30 s at most\n"
			       "  warning: no ledger\n"
			       "  hint: Grant it.\n");
}

TEST(tty_counts_down_what_it_waits_for)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_TTY, false, false);
	EMIT(b.r, "wait", F_TEXT("label", "detach"), F_TEXT("reason", "a pause"));
	emit_turn(b.r);
	CHECK_STR(text_of(&b), "detach waits: a pause\n");
	EMIT(b.r, "wait", F_TEXT("label", "detach"), F_TEXT("reason", "a task"),
	     F_REAL("seconds", 0.03));
	for (int i = 0; i < 1000 && !strstr(text_of(&b), " 0 ms at most"); i++) {
		(void)usleep(1000);
		emit_turn(b.r);
	}
	CHECK(strstr(text_of(&b), "\033[1A\033[2Kdetach waits: a task, 0 ms at most\n"));
	size_t len = strlen(text_of(&b));
	emit_turn(b.r);
	EMIT(b.r, "run.end", F_REAL("seconds", 3), F_INT("exit", 0));
	emit_turn(b.r);
	CHECK_STR(text_of(&b) + len, "\033[1A\033[2KDone after 3.0 s.\n");
}

TEST(plain_waits_once)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_PLAIN, false, false);
	EMIT(b.r, "wait", F_TEXT("label", "detach"), F_TEXT("reason", "a task"),
	     F_REAL("seconds", 0.002));
	(void)usleep(3000);
	emit_turn(b.r);
	CHECK_STR(text_of(&b), "  detach waits: a task, 2 ms at most\n");
}

TEST(quiet_leaves_out_what_passed)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_PLAIN, false, true);
	EMIT(b.r, "run.start", F_TEXT("command", "x"));
	progress(b.r, 1);
	EMIT(b.r, "step.end", F_TEXT("label", "x"), F_TEXT("result", "ok"), F_REAL("seconds", 1));
	EMIT(b.r, "run.end", F_REAL("seconds", 3), F_INT("exit", 0));
	CHECK_STR(text_of(&b), "");
}

/* What others have written into the ledger may lack anything. */
TEST(tty_draws_what_says_nothing)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_TTY, false, false);
	EMIT(b.r, "progress", F_INT("done", 1), F_INT("total", 2));
	CHECK_STR(text_of(&b), "[########........] 50 % 1 of 2 rows\n");
}

TEST(tty_draws_over_its_progress)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_TTY, false, false);
	progress(b.r, 45000);
	EMIT(b.r, "step.end", F_TEXT("label", "fill"), F_TEXT("result", "ok"),
	     F_REAL("seconds", 1));
	/* Nothing of it is cut off, and each line of the terminal is wiped. */
	CHECK_STR(
		text_of(&b),
		"[#######.........] 45 % 45,000 of 100,000 rows, 9,800 rows/s, about 5.0 s\n"
		"  left, 4.0 to 7.0 s, 120 MB\n"
		"fill; waits: lock of a table\n"
		"\033[1A\033[2K\033[1A\033[2K\033[1A\033[2K"
		"Fill:                                                          [OK] 1.0 s\n"
		"--------------------------------------------------------------------------------\n");
	CHECK(strstr(text_of(&b), "\033[32m") == NULL);
}

TEST(colour_only_when_asked)
{
	AUTO_BOX struct box b;

	box_open(&b, REPORT_TTY, true, false);
	EMIT(b.r, "step.end", F_TEXT("label", "fill"), F_TEXT("result", "ok"),
	     F_REAL("seconds", 1));
	CHECK(strstr(text_of(&b), "\033[32m[OK]\033[0m") != NULL);
}

TEST(json_has_only_what_is_known)
{
	static const char *const list[] = { "a\"b", "\x01", NULL };
	AUTO_BOX struct box b;
	const char *fields;

	box_open(&b, REPORT_JSON, false, true);
	b.r->print(b.r->self, "for people\n");
	EMIT(b.r, "x", F_TEXT("none", NULL), F_REAL("nan", NAN), F_NULL("null"),
	     F_BOOL("yes", true), F_INT("n", -5), F_REAL("half", 0.5), F_LIST("list", list),
	     { .key = "r", .kind = FIELD_RANGE, .v.range = { 1, 2, 3 } },
	     { .key = "bad", .kind = FIELD_RANGE, .v.range = { NAN, 2, 3 } });
	fields = strstr(text_of(&b), "\"null\"");
	CHECK_STR(fields, "\"null\":null,\"yes\":true,\"n\":-5,\"half\":0.5,\"list\":[\"a\\\"b\","
			  "\"\\u0001\"],\"r\":{\"p10\":1,\"p50\":2,\"p90\":3}}\n");
	CHECK(strstr(text_of(&b),
		     "{\"event\":\"x\",\"schema\":1,\"run\":\"the-run\",\"time\":\"2") == b.text);
}

TAP_MAIN(row(plain_progress_at_most_once_a_minute),
	 row(bytes_are_told_once_and_nothing_before_there_is_any), row(status_line_has_all),
	 row(nothing_is_more_than_whole), row(plain_step_and_end), row(waits_and_notices_are_told),
	 row(tty_counts_down_what_it_waits_for), row(plain_waits_once),
	 row(quiet_leaves_out_what_passed), row(tty_draws_what_says_nothing),
	 row(tty_draws_over_its_progress), row(colour_only_when_asked),
	 row(json_has_only_what_is_known))
