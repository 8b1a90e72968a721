/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names, times and chains. */
#include "lib/drivers/certificate.h"

#include "lib/core/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds_of(const ASN1_TIME *t)
{
	struct tm tm = { 0 };

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (double)timegm(&tm) : 0;
}

/* Others can make a second document for a signature with one of these. */
static const char *weak_digest(X509 *x)
{
	int digest = NID_undef;

	if (X509_get_signature_info(x, &digest, NULL, NULL, NULL) != 1)
		return "";
	return digest == NID_sha1 || digest == NID_md5 || digest == NID_md5_sha1
		       ? OBJ_nid2sn(digest)
		       : "";
}

static void describe(X509 *x, struct certificate *ret)
{
	const X509_NAME *name = X509_get_subject_name(x);

	*ret = (struct certificate){ .begins = seconds_of(X509_get0_notBefore(x)),
				     .expires = seconds_of(X509_get0_notAfter(x)),
				     .weak = weak_digest(x),
				     .of_itself = X509_get_extension_flags(x) & EXFLAG_SS };
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

struct authorities {
	X509_STORE *store;
};

struct authorities *authorities_new(void)
{
	struct authorities *a = xcalloc(1, sizeof(*a));

	a->store = X509_STORE_new();
	/* Without any of the system's there are those that are added. */
	if (a->store)
		(void)X509_STORE_set_default_paths(a->store);
	ERR_clear_error();
	return a;
}

bool authorities_add(struct authorities *a, const char *path, struct err *err)
{
	bool ok = a->store && X509_STORE_load_locations(a->store, path, NULL) == 1;

	ERR_clear_error();
	return ok || err_set(err, ERR_DATA, "%s holds no authority in PEM form", path);
}

void authorities_free(struct authorities *a)
{
	if (a)
		X509_STORE_free(a->store);
	free(a);
}

static STACK_OF(X509) * read_all(const char *path, struct err *err)
{
	AUTO_FILE FILE *f = fopen(path, "re");
	X509 *x;

	if (!f) {
		(void)err_errno(err, "cannot open %s", path);
		return NULL;
	}
	STACK_OF(X509) *all = sk_X509_new_null();
	while (all && (x = PEM_read_X509(f, NULL, NULL, NULL)))
		(void)sk_X509_push(all, x);
	ERR_clear_error(); /* the end of the file is one */
	if (all && sk_X509_num(all) > 0)
		return all;
	sk_X509_free(all);
	(void)err_set(err, ERR_DATA, "%s holds no certificate in PEM form", path);
	return NULL;
}

static enum trust verify(X509_STORE_CTX *ctx, char why[256])
{
	struct certificate bad = { .subject = "its issuer" };

	X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_NO_CHECK_TIME);
	if (X509_verify_cert(ctx) == 1)
		return TRUST_GIVEN;
	int error = X509_STORE_CTX_get_error(ctx);
	X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	ERR_clear_error();
	if (error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
		return TRUST_OF_ITSELF;
	if (at)
		describe(at, &bad);
	(void)snprintf(why, 256, "%s: %s", bad.subject, X509_verify_cert_error_string(error));
	return TRUST_BROKEN;
}

bool certificate_trust(const char *path, const struct authorities *a, enum trust *ret,
		       char why[256], struct err *err)
{
	STACK_OF(X509) *all = read_all(path, err);

	if (!all)
		return false;
	X509 *first = sk_X509_value(all, 0);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok = ctx && a->store && X509_STORE_CTX_init(ctx, a->store, first, all) == 1;

	if (ok)
		*ret = verify(ctx, why);
	else
		(void)err_set(err, ERR_IO, "libcrypto cannot verify %s", path);
	X509_STORE_CTX_free(ctx);
	sk_X509_pop_free(all, X509_free);
	return ok;
}
