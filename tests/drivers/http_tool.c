/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One GET, for test_http.py:
 *	http_tool TIMEOUT MAX_BODY CA CERT KEY USER PASSWORD_FILE
 * with the URL in PLMAINT_TEST_URL; "-" is NULL.  Prints the status and the body, or "failed" and
 * code number, name, text and hint.
 */
#include "lib/drivers/http.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *or_null(const char *arg)
{
	return strcmp(arg, "-") == 0 ? NULL : arg;
}

int main(int argc, char **argv)
{
	if (argc != 8)
		return 2;
	const struct http_options o = { .timeout = strtod(argv[1], NULL),
					.max_body = strtoul(argv[2], NULL, 10),
					.ca_file = or_null(argv[3]),
					.cert = or_null(argv[4]),
					.key = or_null(argv[5]),
					.user = or_null(argv[6]),
					.password_file = or_null(argv[7]) };
	AUTO_STRBUF struct strbuf body = { 0 };
	struct err err = { 0 };
	long status = 0;
	strbuf_adds(&body, "");
	if (http_get(getenv("PLMAINT_TEST_URL"), &o, &body, &status, &err))
		printf("%ld\n%s\n", status, body.data);
	else
		printf("failed\n%d\n%s\n%s\n%s\n", err.code, err.native, err.text, err.hint);
	return 0;
}
