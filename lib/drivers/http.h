/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP over libcurl: GET for what Pulp says of itself, POST for what it shall do.  TLS is verified,
 * redirects are not followed (a password must not travel to where nobody sent it), proxies of the
 * environment are not used.
 */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"
#include <stddef.h>

struct http_options {
	const char *ca_file;		  /* NULL: the system's */
	const char *cert, *key;		  /* of ours, PEM; NULL: none */
	const char *user, *password_file; /* basic authentication; NULL: none */
	const char *unix_socket; /* connect to this path, whatever host the URL names; NULL: no */
	double timeout;		 /* seconds for all of it, 0 = 10 */
	size_t max_body;	 /* bytes, 0 = 1 MiB; more is an error */
};
/*
 * True for every answer, 404 and 500 too: *ret_status says which.  The body is added, on success
 * only.  Thread safe. Errors: ERR_CONNECT, ERR_TIMEOUT, ERR_CONFIG (URL, certificate or password
 * file), ERR_DATA (too large).
 */
bool http_get(const char *url, const struct http_options *o, struct strbuf *body, long *ret_status,
	      struct err *err) MUST_CHECK;
/* The same with a body of JSON. */
bool http_post(const char *url, const char *json, const struct http_options *o, struct strbuf *body,
	       long *ret_status, struct err *err) MUST_CHECK;
