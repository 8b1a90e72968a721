/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the last reading of a backup has found: verified.json beside its manifest, which it leaves
 * as it is.  In the backup's directory and not in a host's state, since the backup may be read on
 * another host than it is asked for, and since it goes with the backup.
 */
#pragma once
#include "lib/store/repository.h"

struct backup_verified {
	char at[32];	 /* RFC 3339; "": never */
	long percent;	 /* of the artifacts was read; of the rest the sizes were looked at */
	int64_t damaged; /* files that were wrong */
};
/* No mark, or one that cannot be read, is none: it says nothing of the backup itself. */
void backup_verified_read(const struct repository *r, const char *id, struct backup_verified *ret);
/* A sample in which nothing is wrong does not take back what was found before. */
bool backup_verified_write(const struct repository *r, const char *id,
			   const struct backup_verified *v, struct err *err) MUST_CHECK;
/* "verified on 2026-01-02 (5 % of its artifacts)", for people; size >= 96 */
void backup_verified_words(const struct backup_verified *v, char *out, size_t size);
