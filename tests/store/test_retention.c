/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stays of a series of backups. */
#include "lib/core/mem.h"
#include "lib/store/retention.h"
#include "tests/harness/tap.h"

/* 2026-11-21 is a Saturday.  A star at the end: unfinished. */
static const char *const ids[] = { "20261109T010000Z", "20261116T010000Z",  "20261119T010000Z",
				   "20261120T010000Z", "20261120T230000Z",  "20261121T010000Z",
				   "20261121T020000Z", "20261121T030000Z*", NULL };

/* What is kept as a row of letters: k or a dot. */
static void check(struct retention t, const char *wanted)
{
	struct backup_entry all[ARRAY_LEN(ids)] = { 0 };
	bool keep[ARRAY_LEN(ids)];
	char got[ARRAY_LEN(ids)] = "";
	size_t n = 0;

	for (; ids[n]; n++) {
		memcpy(all[n].id, ids[n], BACKUP_ID_SIZE - 1);
		all[n].whole = ids[n][BACKUP_ID_SIZE - 1] != '*';
	}
	retention_choose(&t, all, n, keep);
	for (size_t i = 0; i < n; i++)
		got[i] = keep[i] ? 'k' : '.';
	CHECK_STR(got, wanted);
}

TEST(the_newest_finished_one_always_stays)
{
	check((struct retention){ 0 }, "......k.");
}

TEST(the_newest_so_many_stay)
{
	check((struct retention){ .last = 3 }, "....kkk.");
	check((struct retention){ .last = 100 }, "kkkkkkk.");
}

TEST(of_each_day_the_newest_stays)
{
	check((struct retention){ .daily = 2 }, "....k.k.");
	check((struct retention){ .daily = 3 }, "..k.k.k.");
}

TEST(of_each_week_the_newest_stays)
{
	check((struct retention){ .weekly = 2 }, "k.....k.");
	check((struct retention){ .weekly = 1, .daily = 2, .last = 1 }, "....k.k.");
}

TAP_MAIN(row(the_newest_finished_one_always_stays), row(the_newest_so_many_stay),
	 row(of_each_day_the_newest_stays), row(of_each_week_the_newest_stays))
