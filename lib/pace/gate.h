/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many of ours may be at work at the same time.  Any thread. */
#pragma once
#include <pthread.h>
#include <stdbool.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int inside, room;
	bool all; /* who is no batch waits for its turn, too */
};

/* There is room for one batch. */
void gate_open(struct gate *g);
void gate_close(struct gate *g);
/* Whoever is inside stays, however small the room has become. */
void gate_set(struct gate *g, int room, bool all);
/* Waits for room.  false: who is no batch needs none now, and is not to leave. */
bool gate_enter(struct gate *g, bool batch);
void gate_leave(struct gate *g);
