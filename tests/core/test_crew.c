/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children that look: answers come whole, and one that hangs or dies is nobody else's trouble. */
#include "lib/core/crew.h"

#include "lib/core/stop.h"
#include "tests/harness/tap.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS = 9, HANGS = 3, DIES = 5, UNWANTED = 7 };

static bool wanted(void *arg, size_t i)
{
	(void)arg;
	return i != UNWANTED;
}

static void numbered(size_t i, struct outcome *out)
{
	outcome_set(out, RESULT_FINDING, "job %zu", i);
	outcome_hint(out, "Do %zu.", i);
	outcome_example(out, "first of %zu", i);
	outcome_example(out, "second");
	outcome_count(out, "found", (int64_t)i);
}

static void work(void *arg, size_t i, struct outcome *out)
{
	const bool *trouble = arg;

	while (*trouble && i == HANGS)
		(void)pause();
	if (*trouble && i == DIES)
		_exit(1);
	numbered(i, out);
}

static struct crew *start(size_t size, double limit, bool *trouble)
{
	return crew_start(&(struct crew_options){ .jobs = JOBS,
						  .size = size,
						  .limit = limit,
						  .wanted = wanted,
						  .work = work,
						  .arg = trouble });
}

static void check_answer(struct crew *c, size_t i)
{
	struct outcome o = { 0 };
	char text[32];
	double seconds = -1;
	struct err err;

	(void)snprintf(text, sizeof(text), "job %zu", i);
	REQUIRE(crew_take(c, i, &o, &seconds, &err));
	CHECK_STR(o.text, text);
	CHECK(seconds >= 0 && o.result == RESULT_FINDING && strncmp(o.hint, "Do ", 3) == 0);
	CHECK_STR(o.counts[0].key, "found");
	CHECK_INT(o.counts[0].n, (long long)i);
	CHECK(o.examples[0] && strncmp(o.examples[0], "first of ", 9) == 0);
	CHECK_STR(o.examples[1], "second");
	CHECK(!o.examples[2]);
	outcome_release(&o);
}

/* Nor as a zombie: one of each look would be left with who looks for days. */
static void check_none_is_left(void)
{
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

TEST(each_job_is_answered_in_whatever_order_it_is_asked_for)
{
	for (size_t size = 1; size <= JOBS + 1; size += 4) {
		bool trouble = false;
		struct crew *c = start(size, 0, &trouble);

		for (size_t i = JOBS; i-- > 1;)
			if (i != UNWANTED)
				check_answer(c, i);
		crew_end(c); /* the answer of the first is nobody's */
	}
	check_none_is_left();
}

TEST(one_that_hangs_and_one_that_dies_are_told_and_the_others_go_on)
{
	for (size_t size = 1; size <= 4; size += 3) {
		bool trouble = true;
		struct crew *c = start(size, 0.2, &trouble);

		for (size_t i = 0; i < JOBS; i++) {
			struct outcome o = { 0 };
			struct err err = { 0 };
			double seconds = 0;

			if (i == UNWANTED)
				continue;
			if (i != HANGS && i != DIES) {
				check_answer(c, i);
				continue;
			}
			CHECK(!crew_take(c, i, &o, &seconds, &err));
			CHECK_INT(err.code, i == HANGS ? ERR_TIMEOUT : ERR_BUG);
			CHECK(i != HANGS || seconds >= 0.2);
		}
		crew_end(c);
	}
	check_none_is_left();
}

static const char *even(void *arg, size_t i)
{
	(void)arg;
	return i % 2 == 0 ? "even" : NULL;
}

/* Each tells who did it; the first of the kin dies where there is to be trouble. */
static void told_by(size_t i, struct outcome *out)
{
	outcome_set(out, RESULT_OK, "job %zu", i);
	outcome_count(out, "pid", getpid());
}

static void work_of_kin(void *arg, size_t i, struct outcome *out)
{
	const bool *trouble = arg;

	if (*trouble && i == 0)
		_exit(1);
	usleep(2000); /* long enough for the others to be tempted */
	told_by(i, out);
}

static long long done_by(struct crew *c, size_t i)
{
	struct outcome o = { 0 };
	double seconds;
	struct err err;

	bool answered = crew_take(c, i, &o, &seconds, &err);
	CHECK(answered);
	long long pid = answered ? o.counts[0].n : -1;
	outcome_release(&o);
	return pid;
}

TEST(kin_are_done_by_one_child_and_by_another_when_it_has_died)
{
	for (int k = 0; k < 2; k++) {
		bool trouble = k == 1, others = false;
		struct crew *c = crew_start(&(struct crew_options){ .jobs = JOBS,
								    .size = 3,
								    .wanted = wanted,
								    .kin = even,
								    .work = work_of_kin,
								    .arg = &trouble });
		struct outcome o = { 0 };
		double seconds;
		struct err err;

		if (trouble)
			CHECK(!crew_take(c, 0, &o, &seconds, &err));
		long long first = done_by(c, 2);
		for (size_t i = 1; i < JOBS; i++) {
			if (i == UNWANTED || i == 2)
				continue;
			long long by = done_by(c, i);
			CHECK(i % 2 != 0 || by == first);
			others |= by != first;
		}
		CHECK(others);
		crew_end(c);
	}
}

TEST(a_wish_to_stop_ends_what_hangs)
{
	struct outcome o = { 0 };
	struct err err = { 0 };
	bool trouble = true;
	double seconds;

	stop_install();
	struct crew *c = start(2, 0, &trouble);
	check_answer(c, 0);
	stop_ask(SIGTERM);
	CHECK(!crew_take(c, HANGS, &o, &seconds, &err));
	CHECK_INT(err.code, ERR_STOPPED);
	crew_end(c);
	check_none_is_left();
}

TAP_MAIN(row(each_job_is_answered_in_whatever_order_it_is_asked_for),
	 row(one_that_hangs_and_one_that_dies_are_told_and_the_others_go_on),
	 row(kin_are_done_by_one_child_and_by_another_when_it_has_died),
	 row(a_wish_to_stop_ends_what_hangs))
