/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals become one flag and one readable descriptor.  A pipe and not signalfd: any thread may
 * take the signal, and libpq and hiredis need no blocked masks.
 */
#include "lib/core/stop.h"

#include "lib/core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <unistd.h>

/* Signal handlers have no argument: these are the program's only wish and its wake-up. */
static atomic_int asked_by;
static atomic_bool pause_asked;
static int wake[2] = { -1, -1 };
static struct itimerval held; /* what was left of a time limit that does not run */

static void ask(int sig)
{
	int saved = errno, none = 0;

	/* The first wish stays, but an operator's wish replaces the timer's. */
	if (!atomic_compare_exchange_strong(&asked_by, &none, sig) && none == SIGALRM)
		atomic_store(&asked_by, sig);
	if (wake[1] >= 0 && write(wake[1], "", 1) < 0)
		errno = saved; /* a full pipe is readable already */
	errno = saved;
}

static void ask_pause(int sig)
{
	atomic_store(&pause_asked, sig == SIGUSR1);
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART };

	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(sig, &sa, NULL);
}

void stop_install(void)
{
	if (wake[0] >= 0) {
		(void)close(wake[0]);
		(void)close(wake[1]);
	}
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		wake[0] = wake[1] = -1;
	handle(SIGINT, ask);
	handle(SIGTERM, ask);
	handle(SIGALRM, ask);
	handle(SIGUSR1, ask_pause);
	handle(SIGUSR2, ask_pause);
	handle(SIGPIPE, SIG_IGN);

	struct sigaction old;

	/* nohup ignores SIGHUP before us: keep that. */
	if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		handle(SIGHUP, ask);
}

void stop_ignore_hup(void)
{
	handle(SIGHUP, SIG_IGN);
}

void stop_ask(int sig)
{
	ask(sig);
}

void stop_forget(void)
{
	char drained[16];

	atomic_store(&asked_by, 0);
	while (wake[0] >= 0 && read(wake[0], drained, sizeof(drained)) > 0)
		;
}

bool stop_pause_asked(void)
{
	return atomic_load(&pause_asked);
}

bool stop_requested(void)
{
	return atomic_load(&asked_by) != 0;
}

int stop_signal(void)
{
	return atomic_load(&asked_by);
}

int stop_fd(void)
{
	return wake[0];
}

bool stop_wait(double seconds)
{
	double until = clock_monotonic() + seconds;

	while (!stop_requested()) {
		double left = until - clock_monotonic();

		if (left <= 0)
			return true;

		struct pollfd p = { .fd = wake[0], .events = POLLIN };
		double ms = left * 1000 + 1;

		(void)poll(&p, 1, ms > 3600000 ? 3600000 : (int)ms);
	}
	return false;
}

void stop_arm(double seconds)
{
	struct itimerval t = { .it_value = { .tv_sec = (time_t)seconds } };

	t.it_value.tv_usec = (suseconds_t)((seconds - (double)t.it_value.tv_sec) * 1e6);
	(void)setitimer(ITIMER_REAL, &t, NULL);
}

void stop_timer_extend(double seconds)
{
	struct itimerval t;

	if (seconds <= 0 || getitimer(ITIMER_REAL, &t) < 0)
		return;
	double left = (double)t.it_value.tv_sec + (double)t.it_value.tv_usec / 1e6;
	if (left > 0)
		stop_arm(left + seconds);
}

void stop_timer_hold(void)
{
	const struct itimerval none = { 0 };

	(void)setitimer(ITIMER_REAL, &none, &held);
}

void stop_timer_go(void)
{
	(void)setitimer(ITIMER_REAL, &held, NULL);
	held = (struct itimerval){ 0 };
}

void stop_disarm(void)
{
	struct itimerval none = { 0 };
	int timer = SIGALRM;
	char byte;

	(void)setitimer(ITIMER_REAL, &none, NULL);
	if (atomic_compare_exchange_strong(&asked_by, &timer, 0))
		while (wake[0] >= 0 && read(wake[0], &byte, 1) == 1)
			continue;
}
