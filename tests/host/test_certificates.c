/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which certificates a web server's configuration names. */
#include "lib/host/certificates.h"

#include "lib/core/strbuf.h"
#include "tests/harness/tap.h"

static void add(void *arg, const char *path)
{
	strbuf_addf(arg, "%s ", path);
}

static void named(const char *text, const char *expected)
{
	AUTO_STRBUF struct strbuf found = { 0 };

	certificates_named(text, add, &found);
	CHECK_STR(found.data ? found.data : "", expected);
}

TEST(nginx_names_them_and_not_the_key)
{
	named("server {\n\tssl_certificate /a/b.pem;\n\tssl_certificate_key /a/b.key;\n}\n",
	      "/a/b.pem ");
	named("ssl_certificate /a;", "/a ");
}

TEST(apache_names_them_in_quotes_too)
{
	named("  SSLCertificateFile \"/etc/pki/x.crt\"\nSSLCertificateKeyFile /k\n",
	      "/etc/pki/x.crt ");
}

TEST(comments_relative_names_and_variables_are_passed_over)
{
	named("", "");
	named("# ssl_certificate /a;\nssl_certificate b.pem;\nssl_certificate /$host.pem;\n", "");
}

TAP_MAIN(row(nginx_names_them_and_not_the_key), row(apache_names_them_in_quotes_too),
	 row(comments_relative_names_and_variables_are_passed_over))
