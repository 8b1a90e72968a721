/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of a table that were met before: a bit for each.  Any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct manifest_pages;
struct manifest_pages *manifest_pages_new(void);
/* true: it is met for the first time.  Pages below 0 are none. */
bool manifest_pages_add(struct manifest_pages *p, int64_t page);
void manifest_pages_free(struct manifest_pages *p);
