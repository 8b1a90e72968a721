/* SPDX-License-Identifier: GPL-3.0-or-later */
/* X.509 certificates in PEM files, over libcrypto. */
#pragma once
#include "lib/core/err.h"

struct certificate {
	char subject[128];	/* its common name, or all of its subject */
	double begins, expires; /* seconds since 1970 */
	const char *weak; /* the digest of its signature where that is broken ("SHA1"), or "" */
	bool of_itself;	  /* signed by itself */
};
enum trust {
	TRUST_GIVEN,	 /* its chain leads to an authority */
	TRUST_OF_ITSELF, /* signed by itself, and no authority */
	TRUST_BROKEN	 /* an issuer is missing, unknown or did not sign */
};
/* Who may sign: those of the system, and more.  Times are not looked at: certificate_each tells. */
struct authorities;
struct authorities *authorities_new(void);
bool authorities_add(struct authorities *a, const char *path, struct err *err) MUST_CHECK;
void authorities_free(struct authorities *a); /* NULL is fine */
/*
 * The first certificate of a file is verified with the others of the file as what a server sends
 * along.  TRUST_BROKEN: why says what is wrong with which certificate.
 */
bool certificate_trust(const char *path, const struct authorities *a, enum trust *ret,
		       char why[256], struct err *err) MUST_CHECK;

/* Calls fn for each certificate of a file, in order.  ERR_DATA: there is none in it. */
bool certificate_each(const char *path, void (*fn)(void *arg, const struct certificate *c),
		      void *arg, struct err *err) MUST_CHECK;
