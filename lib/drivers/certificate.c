/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads names and times; whether a chain is trusted is for whoever connects. */
#include "lib/drivers/certificate.h"

#include "lib/core/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

static double seconds_of(const ASN1_TIME *t)
{
	struct tm tm = { 0 };

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (double)timegm(&tm) : 0;
}

static void describe(X509 *x, struct certificate *ret)
{
	const X509_NAME *name = X509_get_subject_name(x);

	*ret = (struct certificate){ .begins = seconds_of(X509_get0_notBefore(x)),
				     .expires = seconds_of(X509_get0_notAfter(x)) };
	if (X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, ret->subject,
				      sizeof(ret->subject)) < 0)
		(void)X509_NAME_oneline(name, ret->subject, sizeof(ret->subject));
}

bool certificate_each(const char *path, void (*fn)(void *arg, const struct certificate *c),
		      void *arg, struct err *err)
{
	AUTO_FILE FILE *f = fopen(path, "re");
	struct certificate c;
	X509 *x;
	int n = 0;

	if (!f)
		return err_errno(err, "cannot open %s", path);
	for (; (x = PEM_read_X509(f, NULL, NULL, NULL)); n++) {
		describe(x, &c);
		X509_free(x);
		fn(arg, &c);
	}
	ERR_clear_error(); /* the end of the file is one */
	return n > 0 || err_set(err, ERR_DATA, "%s holds no certificate in PEM form", path);
}
