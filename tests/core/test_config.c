/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values by key with their source; slips are named; passwords are neither taken from --set nor
 * shown. */
#include "lib/core/config.h"

#include "lib/core/mem.h"
#include "tests/harness/tap.h"

static void free_config(struct config **c)
{
	config_free(*c);
}
#define AUTO_CONFIG __attribute__((cleanup(free_config)))

TEST(default_then_set_then_empty)
{
	AUTO_CONFIG struct config *c = config_new();
	struct err err;

	CHECK_STR(config_get(c, "general.mode"), "enabled");
	CHECK_STR(config_source(c, "general.mode"), "default");
	CHECK(config_set(c, "general.mode", "disabled", "/x:3", &err));
	CHECK_STR(config_get(c, "general.mode"), "disabled");
	CHECK_STR(config_source(c, "general.mode"), "/x:3");
	CHECK(config_set(c, "general.mode", "", "--set", &err));
	CHECK_STR(config_get(c, "general.mode"), "enabled");
	CHECK_STR(config_source(c, "general.mode"), "default");
	CHECK_STR(config_get(c, "redis.url"), NULL);
}

TEST(slips_are_named)
{
	AUTO_CONFIG struct config *c = config_new();
	struct err err;

	CHECK(!config_set(c, "general.mod", "x", "f:1", &err));
	CHECK_INT(err.code, ERR_CONFIG);
	CHECK_STR(err.text, "unknown key 'general.mod'");
	CHECK_STR(err.hint, "Did you mean general.mode?");
	CHECK(!config_assign(c, "general.mode", &err));
	CHECK_INT(err.code, ERR_USAGE);
}

TEST(environment)
{
	AUTO_CONFIG struct config *c = config_new();
	struct err err;
	static char good[] = "PLMAINT_PRE_MIGRATE_BATCH_ROWS=7", other[] = "PLMAINT_NO_SKIP=1";
	static char slip[] = "PLMAINT_GENERAL_MOED=disabled", pg[] = "PGHOST=elsewhere";

	CHECK(config_environment(c, (char *const[]){ good, other, pg, NULL }, &err));
	CHECK_STR(config_get(c, "pre-migrate.batch_rows"), "7");
	CHECK_STR(config_source(c, "pre-migrate.batch_rows"),
		  "environment PLMAINT_PRE_MIGRATE_BATCH_ROWS");
	CHECK(!config_environment(c, (char *const[]){ slip, NULL }, &err));
	CHECK_STR(err.hint, "Did you mean PLMAINT_GENERAL_MODE?");
}

TEST(passwords)
{
	static const char *const secret[] = {
		"host=h password=x",	"host=h PASSWORD = 'a b' dbname=d",
		"postgresql://u:x@h/d", "postgresql://u@h/d?password=x",
		"host=h sslpassword=x",
	};
	static const char *const open[] = { "host=h user=u", "postgresql://u@h/d",
					    "host=h password=", "service=password_of_it" };
	AUTO_CONFIG struct config *c = config_new();
	struct err err;

	for (size_t i = 0; i < 5; i++) {
		CHECK(config_is_secret("database.pulp.conninfo", secret[i]));
		CHECK(!config_set(c, "database.pulp.conninfo", secret[i], "--set", &err));
		CHECK(config_set(c, "database.pulp.conninfo", secret[i], "f:1", &err));

		char *shown = config_shown(c, "database.pulp.conninfo");

		CHECK(shown && !strstr(shown, "=x") && !strstr(shown, ":x") &&
		      !strstr(shown, "a b"));
		free(shown);
	}
	for (size_t i = 0; i < 4; i++)
		CHECK(!config_is_secret("database.pulp.conninfo", open[i]));
	CHECK(config_is_secret("redis.url", "rediss://:x@h/1"));
	CHECK(config_set(c, "redis.url", "redis://u:x@h:1/0", "f:1", &err));

	char *shown = config_shown(c, "redis.url");

	CHECK_STR(shown, "redis://u:***@h:1/0");
	free(shown);
}

/* Any key may take a URL, and any URL a password. */
TEST(passwords_in_urls)
{
	static const char *const keys[] = { "throttle.status_url", "pulp.api_url",
					    "restore.pull_url", "throttle.command" };
	static const char url[] = "-q http://h/a http://u:x@h/b";
	AUTO_CONFIG struct config *c = config_new();
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		CHECK(!config_set(c, keys[i], url, "--set", &err));
		CHECK(config_set(c, keys[i], url, "f:1", &err));

		char *shown = config_shown(c, keys[i]);

		CHECK_STR(shown, "-q http://h/a http://u:***@h/b");
		free(shown);
	}
	CHECK(!config_is_secret("throttle.status_url", "http://h:80/a?password=b"));
	CHECK(!config_is_secret("pre-migrate.window", "22:00-05:00"));
}

TEST(typed_values)
{
	AUTO_CONFIG struct config *c = config_new();
	struct err err;
	long n = 0;
	double s = 0;
	bool yes = false;

	CHECK(config_long(c, "pre-migrate.memory", &n, &err) && n == 48000000);
	CHECK(config_seconds(c, "pre-migrate.grace", &s, &err) && s == 30);
	CHECK(config_bool(c, "detach.protect", &yes, &err) && yes);
	CHECK(config_real(c, "pre-migrate.duty", &s, &err) && s == 1);
	CHECK(config_set(c, "pre-migrate.writers", "many", "f:9", &err));
	CHECK(!config_long(c, "pre-migrate.writers", &n, &err));
	CHECK_INT(err.code, ERR_CONFIG);
	CHECK_STR(err.text, "pre-migrate.writers (f:9): 'many' is not a whole number");
	CHECK(config_set(c, "pre-migrate.writers", "17", "f:9", &err));
	CHECK(!config_long(c, "pre-migrate.writers", &n, &err));
	CHECK_STR(err.text, "pre-migrate.writers (f:9): '17' is outside 1..16");
	CHECK(config_set(c, "throttle.query_every", "2min", "f:9", &err));
	CHECK(!config_seconds(c, "throttle.query_every", &s, &err));
	CHECK_STR(err.text, "throttle.query_every (f:9): '2min' is not between 1.0 s and 60 s");
	CHECK(config_set(c, "pre-migrate.memory", "4kB", "f:9", &err));
	CHECK(!config_long(c, "pre-migrate.memory", &n, &err));
	CHECK_STR(err.text, "pre-migrate.memory (f:9): '4kB' is less than 1048576 bytes");
	CHECK(n == 48000000); /* as it was */
	CHECK(!config_long(c, "backup.max_file_size", &n, &err));
	CHECK_STR(err.text, "backup.max_file_size is not set");
}

/* What is found out when the value is used may be hours too late. */
TEST(no_value_is_taken_that_its_key_does_not_allow)
{
	for (const struct config_key *k = config_keys; k->name; k++) {
		AUTO_CONFIG struct config *c = config_new();
		struct err err = { 0 };
		bool free_text = k->kind == CONFIG_TEXT || k->kind == CONFIG_COMMAND;

		CHECK(config_set(c, k->name, "/no such value", "f:1", &err));
		if (!CHECK(config_check(c, &err) == free_text))
			printf("# %s\n", k->name);
		CHECK(free_text || (err.code == ERR_CONFIG && strstr(err.text, k->name)));
	}
}

TEST(defaults_are_in_order)
{
	AUTO_CONFIG struct config *c = config_new();
	struct err err = { 0 };

	CHECK(config_check(c, &err));
	CHECK_STR(err.text, "");
	CHECK(config_set(c, "general.mode", "enbled", "f:2", &err));
	CHECK(!config_check(c, &err));
	CHECK_STR(err.hint, "Did you mean enabled?");
}

TAP_MAIN(row(default_then_set_then_empty), row(slips_are_named), row(environment), row(passwords),
	 row(passwords_in_urls), row(typed_values),
	 row(no_value_is_taken_that_its_key_does_not_allow), row(defaults_are_in_order))
