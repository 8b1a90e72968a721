/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The throttle between its threads: the main one decides, writers begin and end batches of any
 * length, a third asks what may hang.  There is no server, so all that one would say is unknown.
 */
#include "tests/harness/tap.h"
#include "tests/pace/no_server.h"
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { WRITERS = 3, ROWS = 500 };
static const double no_server_duty = 0.25;

static void count_event(void *self, const char *event, const struct field *fields)
{
	(void)event;
	(void)fields;
	++*(int *)self;
}

struct writer {
	struct throttle *throttle;
	atomic_bool *over;
};

static void *write_batches(void *arg)
{
	static const double odd[] = { 0.004, NAN, 0, -1, INFINITY, 1e-300, 1e300, 0.02 };
	const struct writer *w = arg;

	for (unsigned i = 0; !atomic_load(w->over); i++) {
		throttle_begin(w->throttle);
		(void)poll(NULL, 0, 1);
		throttle_end(w->throttle, i % 50, odd[i % 8]);
	}
	return NULL;
}

/* What the main thread of a run does; false: something was decided that cannot be. */
static bool decide(struct throttle *t, unsigned turn)
{
	AUTO_STRBUF struct strbuf words = { 0 };
	struct named lost[THROTTLE_REASONS + 1];
	const struct throttle_wish wish = { .profile = (enum profile)(turn % PROFILE_FINALIZE),
					    .max_wal = turn % 3 };
	double duty = 1, seen = NAN, limit = NAN;
	int rows = ROWS;

	throttle_expect(t, turn % 2 ? 1e300 : 0);
	throttle_turn(t);
	throttle_apply(t, &wish, &duty, &rows);
	throttle_felt(t, &seen, &limit);
	throttle_lost_by(t, lost);
	throttle_lost(t, &words);
	for (size_t i = 0; lost[i].name; i++)
		if (!isfinite(lost[i].value))
			return false;
	return duty >= 0 && duty <= 1 && rows >= 1 && rows <= ROWS && throttle_decision(t);
}

TEST(main_thread_and_writers_at_once)
{
	const struct throttle_options o = {
		.profile = PROFILE_DEFAULT,
		.online = somebody_online,
		.sense = { .tables = "{}",
			   .probe = "SELECT 1",
			   .status_url = "http://127.0.0.1:1/",
			   .command = "true" },
	};
	int events = 0;
	const struct reporter reporter = { .self = &events, .emit = count_event };
	const struct throttle_setup setup = { .connect = nobody_there,
					      .reporter = &reporter,
					      .options = &o };
	struct throttle *t = throttle_open(&setup);
	atomic_bool over = false;
	struct writer w = { t, &over };
	pthread_t threads[WRITERS];
	int started = 0, wrong = 0;
	double duty = 1;

	REQUIRE(t);
	while (started < WRITERS && pthread_create(&threads[started], NULL, write_batches, &w) == 0)
		started++;
	/* A second of work that is lost is worth telling. */
	for (unsigned turn = 0; turn < 3000 && events == 0; turn++) {
		wrong += !decide(t, turn);
		if (turn % 100 == 99)
			throttle_tell(t, "test");
		(void)poll(NULL, 0, 10);
	}
	atomic_store(&over, true);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	int rows = ROWS;
	throttle_apply(t, &(struct throttle_wish){ .profile = PROFILE_DEFAULT }, &duty, &rows);
	CHECK_INT(started, WRITERS);
	CHECK_INT(wrong, 0);
	CHECK(events > 0);
	CHECK(duty > 0 && duty <= no_server_duty);
	throttle_close(t);
}

TEST(turns_are_taken_only_where_our_sessions_yield)
{
	const struct throttle_options o = { .online = somebody_online,
					    .sense = { .tables = "{}", .probe = "SELECT 1" } };
	const struct throttle_setup setup = { .connect = nobody_there, .options = &o };
	struct throttle *t = throttle_open(&setup);

	REQUIRE(t);
	throttle_turn(t);
	CHECK(!throttle_enter(t));
	throttle_yields(t, true);
	(void)poll(NULL, 0, 300); /* longer than it is between two decisions */
	throttle_turn(t);
	CHECK(throttle_enter(t));
	throttle_leave(t);
	CHECK(!throttle_enter(NULL));
	throttle_close(t);
}

TAP_MAIN(row(main_thread_and_writers_at_once), row(turns_are_taken_only_where_our_sessions_yield))
