/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rate is that of the whole procedure, rests and waits included: it says when the end comes. */
#include "procedures/headway.h"

#include "lib/core/clock.h"

struct headway headway_begin(const struct actor *a, const char *label, int64_t total)
{
	return (struct headway){
		.reporter = a->reporter, .label = label, .total = total, .began = clock_monotonic()
	};
}

/* Rows may come while it works, and others may do some of them. */
void headway_tell(const struct headway *h, int64_t done)
{
	double seconds = clock_monotonic() - h->began;
	int64_t all = h->before + done;

	EMIT(h->reporter, "progress", F_TEXT("label", h->label), F_INT("done", all),
	     F_INT("total", all > h->total ? all : h->total),
	     F_REAL("rate", seconds > 0 ? (double)all / seconds : 0));
}
