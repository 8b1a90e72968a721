/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a sample measures beside its blocks. */
#pragma once
#include "lib/drivers/pg.h"

/* Sorts them; 0 when there are none. */
double median(double *v, size_t n);
/* Bytes of log that the server has written since its beginning. */
bool measure_wal(struct pg *db, double *ret, struct err *err) MUST_CHECK;
/* Seconds: the median of some commits of a record that means nothing. */
bool measure_commits(struct pg *db, bool flush, double *ret, struct err *err) MUST_CHECK;
