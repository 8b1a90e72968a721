/* SPDX-License-Identifier: GPL-3.0-or-later */
/* X.509 certificates in PEM files, over libcrypto. */
#pragma once
#include "lib/core/err.h"

struct certificate {
	char subject[128];	/* its common name, or all of its subject */
	double begins, expires; /* seconds since 1970 */
};
/* Calls fn for each certificate of a file, in order.  ERR_DATA: there is none in it. */
bool certificate_each(const char *path, void (*fn)(void *arg, const struct certificate *c),
		      void *arg, struct err *err) MUST_CHECK;
