/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wish to stop.  SIGINT, SIGTERM and SIGHUP set it (SIGHUP only where a terminal is lost
 * without --background); work looks at it between batches and leaves with its state saved.  A
 * second SIGINT or SIGTERM is the same wish, not a kill: batches are milliseconds long.
 */
#pragma once
#include <stdbool.h>

void stop_install(void); /* sigaction for the signals above, SIGPIPE ignored; call in main(), and in
			    a child that goes on without exec */
void stop_ignore_hup(void); /* for --background: a lost terminal is no wish */
/* The same wish, come another way: from the ledger.  sig is what stop_signal() shall say. */
void stop_ask(int sig);
/* The wish has been heard; what mends what it interrupted is not to be interrupted by it, but by
 * the next. */
void stop_forget(void);
bool stop_requested(void); /* any thread */
int stop_signal(void);	   /* 0, or the signal that asked; SIGALRM when a step's time is over */
int stop_fd(void);	   /* becomes readable when asked: for poll() */
/* Waits until the time is over or a stop is asked.  Returns false when asked. */
bool stop_wait(double seconds);

/*
 * A step's time limit is the same wish, asked by a timer: the step leaves with its state saved
 * and the runner calls it failed.  stop_disarm takes back a wish of the timer, never of an
 * operator.
 */
void stop_arm(double seconds);
void stop_disarm(void);
/* Between the two the time limit does not run: waiting is not working.  Main thread. */
void stop_timer_hold(void);
void stop_timer_go(void);
/* A limit that runs is over so many seconds later: it was not allowed to work then.  Main thread.
 */
void stop_timer_extend(double seconds);

/* SIGUSR1 came, and no SIGUSR2 since: the operator of this host wants a pause. */
bool stop_pause_asked(void);
