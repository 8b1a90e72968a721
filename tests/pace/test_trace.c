/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Traces of the throttle: what was recorded is decided again. */
#include "tests/harness/tap.h"
#include "tests/pace/world.h"

enum { TRACE_STEPS = 480 };
static const char trace_file[] = "tests/pace/trace.txt";

/* With PLMAINT_RECORD in the environment: a world with all kinds of things in it. */
static void record(void)
{
	struct world w;
	AUTO_STRBUF struct strbuf out = { 0 };
	FILE *f = fopen(trace_file, "w");

	if (!CHECK(f != NULL))
		return;
	begin(&w, PROFILE_DEFAULT);
	for (int i = 0; i < TRACE_STEPS; i++) {
		w.s.busy = i < 20 || i > 440 ? BUSY_NO : i % 3 ? BUSY_YES : BUSY_VERY;
		w.met = i > 160 ? 0.02 : 0.002;
		bool lags = i > 240 && i < 260;
		set(&w, SIGNAL_LAG_TIME, lags ? (i - 240) * 0.25 : i == 300 || i == 301 ? 40 : 0);
		w.web = i % 2 ? REQUEST_STATUS : REQUEST_CONTENT;
		w.web_free = 0.05;
		w.web_met = i > 320 ? 0.09 : 0.05;
		set(&w, SIGNAL_CPU, (i * 37 % 100) * 0.0035);
		w.s.profile = i > 410 && i < 430 ? PROFILE_FAST : PROFILE_DEFAULT;
		w.s.max_duty = i > 460 ? 0.7 : 1;
		w.s.yields = i > 60 && i < 140;
		w.s.of[SIGNAL_REDIS].state = i > 380 && i < 400 ? SIGNAL_UNKNOWN : SIGNAL_ABSENT;
		pass(&w, tick);
		trace_write(&out, &w.s, w.t, &w.c.now);
	}
	fputs("# SPDX-License-Identifier: GPL-3.0-or-later\n", f);
	fputs(out.data, f);
	fclose(f);
}

/* trace.txt, recorded from this world: what went in gives what came out, to the last bit. */
TEST(recorded_trace_gives_the_same_decisions)
{
	char line[8192];
	struct controller c;
	int n = 0;

	if (getenv("PLMAINT_RECORD"))
		record();
	FILE *f = fopen(trace_file, "r");
	if (!CHECK(f != NULL))
		return;
	controller_start(&c);
	while (fgets(line, sizeof(line), f)) {
		AUTO_STRBUF struct strbuf again = { 0 };
		struct signals s;
		struct err err;
		double now;
		if (*line == '#')
			continue;
		if (!CHECK(trace_read(line, &s, &now, &err))) {
			fprintf(stderr, "# line %d: %s\n", n + 1, err.text);
			break;
		}
		controller_step(&c, &s, now);
		trace_write(&again, &s, now, &c.now);
		n++;
		if (!CHECK_STR(again.data, line))
			break;
	}
	fclose(f);
	CHECK_INT(n, TRACE_STEPS);
}

TEST(lines_that_are_no_trace_are_refused)
{
	static const char *const bad[] = { "",
					   "x",
					   "1 busy",
					   "1 busy=",
					   "1 busy=9 ->",
					   "1 lag=3@1",
					   "1 lag_time=3",
					   "1 lag_time=3@ ->",
					   "1 p=",
					   "1 busy=nan",
					   "1 profile=4",
					   "1 max=",
					   "1 yields=0",
					   "1 calm=" };
	struct signals s;
	struct err err;
	double now;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!CHECK(!trace_read(bad[i], &s, &now, &err) && err.code == ERR_DATA))
			fprintf(stderr, "#	'%s'\n", bad[i]);
	}
}

TAP_MAIN(row(recorded_trace_gives_the_same_decisions), row(lines_that_are_no_trace_are_refused))
