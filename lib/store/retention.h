/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which backups are kept: pure, by their ids. */
#pragma once
#include "lib/store/repository.h"

struct retention {
	long last;   /* the newest so many */
	long daily;  /* of each of the last so many days (UTC) that have one, the newest */
	long weekly; /* of weeks that begin on Monday */
};
/* all is oldest first; keep[i] is set for what stays: the newest whole one always, unfinished ones
 * never. */
void retention_choose(const struct retention *t, const struct backup_entry *all, size_t n,
		      bool *keep);
