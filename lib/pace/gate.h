/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many of ours may be at work at the same time, and for how much of it.  Any thread. */
#pragma once
#include <pthread.h>
#include <stdbool.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int inside, room;
	bool all;		      /* who is no batch waits for its turn, too */
	double rest;		      /* share of the time in which nobody is inside, below 1 */
	double worked, counted, shut; /* seconds; until then is counted; until then nobody enters */
};

/* There is room for one batch. */
void gate_open(struct gate *g);
void gate_close(struct gate *g);
/* Whoever is inside stays, however small the room has become.  rest: of the time in which the room
 * is full, 0 to less than 1. */
void gate_set(struct gate *g, int room, bool all, double rest);
/* Waits for room.  false: who is no batch needs none now, and is not to leave. */
bool gate_enter(struct gate *g, bool batch);
void gate_leave(struct gate *g);
