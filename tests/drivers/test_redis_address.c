/* SPDX-License-Identifier: GPL-3.0-or-later */
/* URLs of Redis, as redis-py takes them. */
#include "lib/core/mem.h"
#include "lib/drivers/redis_internal.h"
#include "tests/harness/tap.h"

static struct err err;

struct wanted {
	bool tls, local;
	const char *host, *port, *user, *password, *ca_file;
	long db;
};

static const struct {
	const char *url;
	struct wanted a;
} good[] = {
	{ "redis://", { .host = "localhost", .port = "6379" } },
	{ "redis://cache", { .host = "cache", .port = "6379" } },
	{ "REDIS://cache:7000/3", { .host = "cache", .port = "7000", .db = 3 } },
	{ "redis://cache:/", { .host = "cache", .port = "6379" } },
	{ "redis://:7000", { .host = "localhost", .port = "7000" } },
	{ "redis://[::1]:7000/1", { .host = "::1", .port = "7000", .db = 1 } },
	{ "redis://[fe80::1]", { .host = "fe80::1", .port = "6379" } },
	{ "redis://user@h", { .host = "h", .port = "6379", .user = "user" } },
	{ "redis://:pw@h", { .host = "h", .port = "6379", .password = "pw" } },
	{ "redis://u:@h", { .host = "h", .port = "6379", .user = "u" } },
	{ "redis://u:a%2Fb%3ac%40d%zz%4@h/2",
	  { .host = "h", .port = "6379", .user = "u", .password = "a/b:c@d%zz%4", .db = 2 } },
	{ "redis://u:p:q@r@h", { .host = "h", .port = "6379", .user = "u", .password = "p:q@r" } },
	{ "rediss://h:6380/0?ssl_ca_certs=/ca%20file",
	  { .tls = true, .host = "h", .port = "6380", .ca_file = "/ca file" } },
	{ "redis://h/1?db=5&username=u&password=p%26q&health_check_interval=3",
	  { .host = "h", .port = "6379", .db = 5, .user = "u", .password = "p&q" } },
	{ "redis://u:one@h?password=two#x",
	  { .host = "h", .port = "6379", .user = "u", .password = "two" } },
	{ "redis://h?db=&flag", { .host = "h", .port = "6379" } },
	{ "unix:///run/redis.sock", { .local = true, .host = "/run/redis.sock" } },
	{ "unix://u:p@/run/r%20s?db=4",
	  { .local = true, .host = "/run/r s", .user = "u", .password = "p", .db = 4 } },
	{ "redis+unix:///r.s?password=p", { .local = true, .host = "/r.s", .password = "p" } },
};

TEST(urls)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct redis_address a = { 0 };
		const struct wanted *w = &good[i].a;
		bool ok = CHECK(redis_address_parse(good[i].url, &a, &err)) &&
			  CHECK_STR(a.host, w->host) && CHECK_STR(a.port, w->port) &&
			  CHECK_STR(a.user, w->user) && CHECK_STR(a.password, w->password) &&
			  CHECK_STR(a.ca_file, w->ca_file) && CHECK_INT(a.db, w->db) &&
			  CHECK_INT(a.tls, w->tls) && CHECK_INT(a.local, w->local);
		if (!ok)
			fprintf(stderr, "# %s: %s\n", good[i].url, err.text);
		redis_address_release(&a);
		CHECK(a.host == NULL);
	}
}

/* s3cret is in each, and in no message. */
static const char *const bad[] = {
	"s3cret",
	"s3cret://h",
	"http://u:s3cret@h",
	"redis:/u:s3cret@h",
	"redis://u:s3cret@h:0",
	"redis://u:s3cret@h:65536",
	"redis://u:s3cret@h:s3cret",
	"redis://u:s3cret@h:7x",
	"redis://u:s3cret@h:-1",
	"redis://u:s3cret@[::1",
	"redis://u:s3cret@[::1]7000",
	"redis://u:s3cret@h/s3cret",
	"redis://u:s3cret@h/-1",
	"redis://u:s3cret@h/1x",
	"redis://u:s3cret@h/99999999999999999999",
	"redis://u:s3cret@h?db=s3cret",
	"unix://u:s3cret@",
	"unix://u:s3cret@/",
	"unix://u:s3cret@relative/path",
};

TEST(refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct redis_address a = { .db = 77 };
		if (!CHECK(!redis_address_parse(bad[i], &a, &err)))
			fprintf(stderr, "# %s\n", bad[i]);
		CHECK_INT(err.code, ERR_CONFIG);
		CHECK(!strstr(err.text, "s3cret") && !strstr(err.hint, "s3cret"));
		CHECK_INT(a.db, 77);
		CHECK(err.hint[0]);
	}
}

TAP_MAIN(row(urls), row(refused))
