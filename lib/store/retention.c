/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the newest to the oldest: the first of each span stays, until there are enough spans. */
#include "lib/store/retention.h"

enum { DAY = 86400, MONDAY = 3 }; /* 1970-01-01 was a Thursday */

static long day_of(const struct backup_entry *e)
{
	return (long)(backup_id_time(e->id) / DAY);
}

static long week_of(const struct backup_entry *e)
{
	return (day_of(e) + MONDAY) / 7;
}

static void keep_newest_of(const struct backup_entry *all, size_t n, long spans,
			   long (*span)(const struct backup_entry *e), bool *keep)
{
	long before = -1;

	for (size_t i = n; i-- > 0 && spans > 0;) {
		if (!all[i].whole || span(&all[i]) == before)
			continue;
		before = span(&all[i]);
		keep[i] = true;
		spans--;
	}
}

void retention_choose(const struct retention *t, const struct backup_entry *all, size_t n,
		      bool *keep)
{
	long last = t->last > 0 ? t->last : 1;

	for (size_t i = 0; i < n; i++)
		keep[i] = false;
	for (size_t i = n; i-- > 0 && last > 0;) {
		keep[i] = all[i].whole;
		last -= all[i].whole;
	}
	keep_newest_of(all, n, t->daily, day_of, keep);
	keep_newest_of(all, n, t->weekly, week_of, keep);
}
