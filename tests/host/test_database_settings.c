/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What installers write is read; what could mean something else is refused, and never quoted. */
#include "lib/core/mem.h"
#include "lib/host/database_settings.h"
#include "tests/harness/tap.h"

#include <string.h>

typedef bool reader(const char *text, char **ret, struct err *err);

static void leads_to(reader *read, const char *text, const char *expected)
{
	AUTO_FREE char *found = NULL;
	struct err err = { 0 };

	CHECK(read(text, &found, &err));
	CHECK_STR(found ? found : err.text, expected);
}

static void refused(reader *read, const char *text)
{
	AUTO_FREE char *found = NULL;
	struct err err = { 0 };

	CHECK(!read(text, &found, &err) && !found);
	CHECK_INT(err.code, ERR_CONFIG);
	CHECK(!strstr(err.text, "secret"));
}

TEST(foreman_s_plain_forms)
{
	leads_to(foreman_database,
		 "# Managed by Puppet\n---\ndevelopment:\n  database: other\n\nproduction:\n"
		 "  adapter: postgresql\n  # of here\n  database: foreman\n  username: 'it''s'\n"
		 "  password: \"a \\\"b\\\\ #c\" # secret\n  pool: 5\n",
		 "dbname='foreman' user='it\\'s' password='a \"b\\\\ #c'");
	leads_to(
		foreman_database,
		"production:\r\n    host: db.example # far\r\n    port: 5433\r\n    database: f\r\n"
		"    password:\r\n    sslmode: verify-full\r\ntest:\n  database: t\n",
		"host='db.example' port='5433' dbname='f' sslmode='verify-full'");
}

TEST(foreman_s_other_forms)
{
	refused(foreman_database, "");
	refused(foreman_database, "production:\n  adapter: sqlite3\n  database: x\n");
	refused(foreman_database, "production:\n  database: <%= ENV['secret'] %>\n");
	refused(foreman_database, "production:\n  database: x\n  password: \"secret\\n\"\n");
	refused(foreman_database, "production:\n  database: x\n  password: \"secret\\");
	refused(foreman_database, "production:\n  database: x\n  password: 'secret\n");
	refused(foreman_database, "production:\n  database: x\n  password: |\n    secret\n");
	refused(foreman_database, "production:\n  <<: *default\n  database: x\n");
	refused(foreman_database, "production: &p\n  database: x\n");
	refused(foreman_database, "production:\n  url: postgres://u:secret@h/x\n");
	refused(foreman_database, "production:\n  primary:\n    database: x\n");
	refused(foreman_database, "production:\n  database: x\nproduction:\n  database: y\n");
}

TEST(candlepin_s_plain_forms)
{
	leads_to(
		candlepin_database,
		"candlepin.auth.trusted.enable=true\n"
		"jpa.config.hibernate.connection.driver_class=org.postgresql.Driver\n"
		"jpa.config.hibernate.connection.url=jdbc:postgresql://localhost:5432/candlepin\n"
		"jpa.config.hibernate.connection.username = candlepin\n"
		"jpa.config.hibernate.connection.password=a\\=b'c\r\n",
		"host='localhost' port='5432' dbname='candlepin' user='candlepin' password='a=b\\'c'");
	leads_to(candlepin_database,
		 "jpa.config.hibernate.connection.url: jdbc:postgresql:cp?ssl=true&x\n",
		 "host='localhost' dbname='cp' sslmode='require'");
	leads_to(candlepin_database,
		 "jpa.config.hibernate.connection.url=jdbc:postgresql://db/cp?ssl=true&"
		 "sslmode=verify-full&sslrootcert=/ca.pem\n",
		 "host='db' dbname='cp' sslmode='verify-full' sslrootcert='/ca.pem'");
}

TEST(candlepin_s_other_forms)
{
#define URL "jpa.config.hibernate.connection.url="
	refused(candlepin_database, "");
	refused(candlepin_database, "#" URL "jdbc:postgresql:x\n");
	refused(candlepin_database, URL "jdbc:mysql://h/x\n");
	refused(candlepin_database, URL "jdbc:postgresql://a,b/x\n");
	refused(candlepin_database, URL "jdbc:postgresql://h/\n");
	refused(candlepin_database, URL "jdbc:postgresql://h\n");
	refused(candlepin_database, URL "jdbc:postgresql://\\\nh/x\n");
	refused(candlepin_database, URL "jdbc:postgresql:x?sslrootcert=%2Fa\n");
	refused(candlepin_database,
		URL "jdbc:postgresql:x\njpa.config.hibernate.connection.password=$1$secret\n");
}

TAP_MAIN(row(foreman_s_plain_forms), row(foreman_s_other_forms), row(candlepin_s_plain_forms),
	 row(candlepin_s_other_forms))
