/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pool of readers: every row is loaded once, by somebody, before the wait for it returns. */
#include "lib/batch/readers.h"
#include "lib/core/mem.h"
#include "lib/drivers/priority.h"
#include "tests/harness/tap.h"
#include "tests/pace/no_server.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct mark {
	struct batch_row head;
	atomic_int loaded;
};

struct fixture {
	struct mark *marks;
	struct batch_window window;
	struct loading loading;
};

static atomic_int in_work, most_in_work;

static void load(void *ctx, struct batch_row *row)
{
	int now = atomic_fetch_add(&in_work, 1) + 1, most = atomic_load(&most_in_work);

	while (now > most && !atomic_compare_exchange_weak(&most_in_work, &most, now))
		;
	atomic_fetch_add((atomic_int *)ctx, 1);
	atomic_fetch_add(&((struct mark *)row)->loaded, 1);
	atomic_fetch_sub(&in_work, 1);
}

static void make(struct fixture *f, size_t n)
{
	*f = (struct fixture){ .marks = xcalloc(n + 1, sizeof(*f->marks)) };
	f->window.n = n;
	f->window.rows = xcalloc(n + 1, sizeof(*f->window.rows));
	for (size_t i = 0; i < n; i++)
		f->window.rows[i] = &f->marks[i].head;
}

static bool each_once(const struct fixture *f)
{
	for (size_t i = 0; i < f->window.n; i++) {
		if (atomic_load(&f->marks[i].loaded) != 1)
			return false;
	}
	return true;
}

static void drop(struct fixture *f)
{
	free(f->marks);
	free(f->window.rows);
}

/* Sizes around a thread's share, and none at all. */
TEST(each_row_is_loaded_once)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 31, 32, 33, 500, 1000 };
	atomic_int count = 0;
	int wanted = 0;
	const struct batch_phase phase = { .load = load, .ctx = &count };
	struct readers *r = readers_start(4, 0, NULL);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fixture f;
		make(&f, sizes[i]);
		readers_submit(r, &f.loading, &phase, &f.window);
		readers_wait(r, &f.loading);
		CHECK(each_once(&f));
		wanted += (int)sizes[i];
		CHECK_INT(atomic_load(&count), wanted);
		drop(&f);
	}
	readers_stop(r);
	CHECK_INT(atomic_load(&count), wanted);
}

/* Nobody waits for the reading of what nobody wants; others' windows are loaded all the same. */
TEST(a_dropped_window_ends_early_and_takes_nothing_with_it)
{
	atomic_int count = 0;
	const struct batch_phase phase = { .load = load, .ctx = &count };
	struct readers *r = readers_start(2, 0, NULL);

	for (int i = 0; i < 200; i++) {
		struct fixture f[3];
		for (int k = 0; k < 3; k++) {
			make(&f[k], 300);
			readers_submit(r, &f[k].loading, &phase, &f[k].window);
		}
		readers_drop(r, &f[i % 3].loading);
		for (int k = 0; k < 3; k++)
			readers_wait(r, &f[k].loading);
		readers_drop(r, &f[0].loading); /* is done: nothing to drop */
		for (int k = 0; k < 3; k++) {
			CHECK(k == i % 3 || each_once(&f[k]));
			drop(&f[k]);
		}
	}
	CHECK(atomic_load(&count) < 200 * 3 * 300);
	readers_stop(r);
}

struct writer {
	struct readers *readers;
	const struct batch_phase *phase;
	bool ok;
};

/* As a writer does: one window ahead of the one in hand. */
static void *write_windows(void *arg)
{
	struct writer *w = arg;
	struct fixture f[2];

	w->ok = true;
	make(&f[0], 40);
	readers_submit(w->readers, &f[0].loading, w->phase, &f[0].window);
	for (size_t i = 0; i < 300; i++) {
		struct fixture *now = &f[i % 2], *ahead = &f[(i + 1) % 2];
		make(ahead, i % 70);
		readers_submit(w->readers, &ahead->loading, w->phase, &ahead->window);
		readers_wait(w->readers, &now->loading);
		w->ok = w->ok && each_once(now);
		drop(now);
	}
	readers_wait(w->readers, &f[0].loading);
	w->ok = w->ok && each_once(&f[0]);
	drop(&f[0]);
	return NULL;
}

TEST(writers_share_the_pool)
{
	atomic_int count = 0;
	const struct batch_phase phase = { .load = load, .ctx = &count };
	struct writer writers[3];
	pthread_t threads[3];
	struct readers *r = readers_start(2, 0, NULL);
	int wanted = 40;

	for (int i = 0; i < 300; i++)
		wanted += i % 70;
	for (int i = 0; i < 3; i++) {
		writers[i] = (struct writer){ .readers = r, .phase = &phase };
		REQUIRE(pthread_create(&threads[i], NULL, write_windows, &writers[i]) == 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		CHECK(writers[i].ok);
	}
	readers_stop(r);
	CHECK_INT(atomic_load(&count), 3 * wanted);
	CHECK(atomic_load(&most_in_work) <= 4);
}

TEST(without_a_thread_the_caller_loads)
{
	atomic_int count = 0;
	const struct batch_phase phase = { .load = load, .ctx = &count };
	struct readers *r = readers_start(0, 0, NULL);
	struct fixture f;

	make(&f, 33);
	readers_submit(r, &f.loading, &phase, &f.window);
	CHECK(each_once(&f));
	readers_wait(r, &f.loading);
	readers_stop(r);
	drop(&f);
}

TEST(a_phase_that_loads_nothing_does_not_wait)
{
	const struct batch_phase phase = { .load = NULL };
	struct readers *r = readers_start(2, 0, NULL);
	struct fixture f;

	make(&f, 100);
	readers_submit(r, &f.loading, &phase, &f.window);
	readers_wait(r, &f.loading);
	CHECK_INT(atomic_load(&f.marks[0].loaded), 0);
	readers_stop(r);
	drop(&f);
}

enum { WHO_PROCESS = 1, CLASS = 13, BEST_EFFORT = 2, IDLE = 3, LOWEST = 7 };

struct priority {
	int nice;
	long disk;
};

static struct priority own_priority(void)
{
	return (struct priority){ getpriority(PRIO_PROCESS, 0),
				  syscall(SYS_ioprio_get, WHO_PROCESS, 0) };
}

static void load_priority(void *ctx, struct batch_row *row)
{
	(void)row;
	*(struct priority *)ctx = own_priority();
}

static struct priority of_readers(int nice)
{
	struct priority seen = { -100, -1 };
	const struct batch_phase phase = { .load = load_priority, .ctx = &seen };
	struct readers *r = readers_start(1, nice, NULL);
	struct fixture f;

	make(&f, 1);
	readers_submit(r, &f.loading, &phase, &f.window);
	readers_wait(r, &f.loading);
	readers_stop(r);
	drop(&f);
	return seen;
}

/* In a thread of its own, since nobody but root gets back up. */
static void *start_from_below(void *arg)
{
	const struct priority was = own_priority();
	struct priority seen = of_readers(was.nice + 2);

	(void)arg;
	CHECK_INT(seen.nice, was.nice + 2);
	CHECK_INT(seen.disk, was.disk >> CLASS == IDLE ? was.disk : BEST_EFFORT << CLASS | LOWEST);
	CHECK(setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), was.nice + 4) == 0);
	CHECK(syscall(SYS_ioprio_set, WHO_PROCESS, 0, IDLE << CLASS) == 0);
	seen = of_readers(was.nice + 2);
	CHECK_INT(seen.nice, was.nice + 4);
	CHECK_INT(seen.disk >> CLASS, IDLE);
	return NULL;
}

TEST(readers_step_back_and_never_forward)
{
	pthread_t thread;

	if (own_priority().nice > 15)
		SKIP("there is nothing left to step back to");
	/* The thread counts checks meanwhile: one of ours must not be among them. */
	int made = pthread_create(&thread, NULL, start_from_below, NULL);
	if (made == 0)
		pthread_join(thread, NULL);
	REQUIRE(made == 0);
}

/* Others are at work as far as it knows, and our sessions get a processor after theirs. */
static struct throttle *throttle_that_yields(const struct throttle_options *o)
{
	const struct throttle_setup setup = { .connect = nobody_there, .options = o };
	struct throttle *t = throttle_open(&setup);

	throttle_yields(t, true);
	throttle_turn(t);
	return t;
}

TEST(a_reader_waits_for_its_turn_beside_batches_that_yield)
{
	const struct throttle_options o = { .online = somebody_online,
					    .sense = { .tables = "{}", .probe = "SELECT 1" } };
	atomic_int count = 0;
	const struct batch_phase phase = { .load = load, .ctx = &count };
	struct throttle *t = throttle_that_yields(&o);
	struct readers *r = readers_start(2, 0, t);
	int room = priority_room_aside();
	struct fixture f;

	make(&f, 40);
	for (int i = 0; i < room; i++)
		throttle_begin(t);
	readers_submit(r, &f.loading, &phase, &f.window);
	(void)poll(NULL, 0, 50);
	CHECK_INT(atomic_load(&count), 0);
	for (int i = 0; i < room; i++)
		throttle_end(t, 1, 0.01);
	readers_wait(r, &f.loading);
	CHECK(each_once(&f));
	readers_stop(r);
	throttle_close(t);
	drop(&f);
}

TEST(an_idle_pool_stops)
{
	for (int i = 0; i < 50; i++)
		readers_stop(readers_start(i % 5, 0, NULL));
	readers_stop(NULL);
	CHECK(true);
}

TAP_MAIN(row(each_row_is_loaded_once), row(writers_share_the_pool),
	 row(without_a_thread_the_caller_loads), row(a_phase_that_loads_nothing_does_not_wait),
	 row(a_dropped_window_ends_early_and_takes_nothing_with_it),
	 row(readers_step_back_and_never_forward),
	 row(a_reader_waits_for_its_turn_beside_batches_that_yield), row(an_idle_pool_stops))
