/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which backups name which objects: the lists of all of them, which are in order of digests, read
 * side by side, so that any number of objects needs no memory.
 */
#pragma once
#include "lib/store/repository.h"

struct inventory;
struct inventory_row { /* borrowed until the next one is asked for */
	char sha256[65];
	int64_t size;	/* as listed */
	size_t backups; /* that name it */
	size_t backup;	/* the number of one of them, in the order of ids */
};
/* ids are of whole backups. */
bool inventory_open(const struct repository *r, const char (*ids)[BACKUP_ID_SIZE], size_t n,
		    struct inventory **ret, struct err *err) MUST_CHECK;
void inventory_close(struct inventory *v); /* NULL is fine */
/* The next digest; *ret is NULL at the end.  ERR_DATA: a list is damaged or not in order. */
bool inventory_next(struct inventory *v, const struct inventory_row **ret,
		    struct err *err) MUST_CHECK;
