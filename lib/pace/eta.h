/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When long work ends.  Two things are kept apart: what the work that is left costs, in busy
 * seconds of one worker, and the pace, in busy seconds for each second in which work was allowed.
 * Pauses and closed windows are no part of either: whoever asks adds them from the calendar.
 *
 * Work has parts (phases), and is measured in units: one is what an ordinary row is, a larger row
 * is more.  Some of a part's rows may be first ones, which touch a page that nothing has touched
 * before: each costs something beside.  A part that has not begun counts with what it is thought to
 * cost.  Pure: no clock is asked.
 */
#pragma once
#include <stdbool.h>

enum { ETA_PARTS = 12, ETA_BLOCKS = 64, ETA_PACES = 3, ETA_COSTS = 3 };

/* What a unit is thought to cost before it is seen. */
struct eta_guess {
	double each;  /* seconds */
	double doubt; /* standard deviation of its logarithm: 0.1 is about 10 % */
	bool reads;   /* some of it is waiting for files */
	double usual; /* what it takes on an ordinary machine, without that; 0: nobody knows */
};
/* First ones: how many, and how many times what a unit costs each costs beside it. */
struct eta_firsts {
	double n, times;
};
struct eta_part {
	double total, left;	  /* units */
	struct eta_firsts firsts; /* left */
	double firsts_done;
	struct eta_guess guess;
	/* Seen, older ones weigh less: sums of units, firsts, early firsts and seconds by each
	 * other, from which a regression has what each costs beside the others. */
	struct {
		double xx[ETA_COSTS][ETA_COSTS], xs[ETA_COSTS], batches;
	} seen;
	double ever, spent; /* units in all, and busy seconds of them as ordinary ones */
	double waited;	    /* of these, for files */
	/* Its seconds pass by themselves and are no worker's: a grace, a vacuum. */
	bool aside;
};

struct eta_range {
	double p10, p50, p90;
};

/* What happened since the call before. */
struct eta_step {
	int part;
	double seconds; /* in which work was allowed */
	double units;	/* done, by everybody */
	double own, firsts, busy;
	int batches; /* own: units, firsts, busy seconds and batches of this program */
	/* Its busy seconds within these, where the batches also bear what was done before them; 0:
	 * the same. */
	double work;
	double waited; /* of busy: for files, which says nothing of parts that read none */
};

/* At its own speed, or slowed by what is done for others: their sessions, a limit. */
struct eta_mood {
	double pace[ETA_PACES], weight[ETA_PACES]; /* over a short, a longer, a long while of it */
	double seconds;				   /* in it */
	int stays;
};

struct eta {
	struct eta_part part[ETA_PARTS];
	int parts;
	struct eta_mood mood[2]; /* by slowed */
	bool slowed;		 /* now; whoever asks, or passes a step, sets it before */
	bool was;		 /* in the last step */
	/* What was done, in seconds of foretold cost, in equal spans of time; merged by twos when
	 * the room is full. */
	struct {
		double seconds, done;
	} block[ETA_BLOCKS];
	int blocks;
	bool moods;  /* others may come at any time and slow it down, or go */
	double span; /* seconds of a block */
	struct eta_range shown;
	unsigned state; /* in which it was shown */
	double at;
};

/* The guess by what the machine is seen to be at other work, so many times slower than usual, which
 * is trusted so far: 0 to 1. */
struct eta_guess eta_alike(struct eta_guess guess, double slower, double trust);

/* pace: what is thought before anything is seen: workers x duty. */
void eta_start(struct eta *e, double pace);
/* Adds a part and gives its number, or the last one when there are too many. */
int eta_add(struct eta *e, double units, struct eta_guess guess, struct eta_firsts firsts);
/* So many seconds that pass by themselves, give or take. */
int eta_add_aside(struct eta *e, double seconds, double doubt);
/* How much of a part is left, as it was counted now. */
void eta_count(struct eta *e, int part, double total, double left);
/* Of what is left of it so many are first ones. */
void eta_count_firsts(struct eta *e, int part, double left);
void eta_pass(struct eta *e, const struct eta_step *s);
/* Seconds of allowed time to the end of the first so many parts; e->parts: of all. */
struct eta_range eta_left(const struct eta *e, int parts);
/* Of their cost so much is done, 0 to 1. */
double eta_share(const struct eta *e, int parts);
/* Busy seconds that a unit of the part, not a first one, costs by now. */
double eta_cost(const struct eta *e, int part);

/*
 * The same for people: as it was shown before, less the time since, until it differs by more than a
 * twentieth, or the state (any number that stands for one) is another.
 */
struct eta_range eta_show(struct eta *e, struct eta_range now, double at, unsigned state);
