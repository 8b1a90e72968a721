/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines as web servers write them, and which of them tell that we are felt. */
#include "lib/core/mem.h"
#include "lib/pace/access_log.h"
#include "tests/harness/tap.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "10.0.0.1 - - [22/Nov/2026:01:00:00 +0000] "
#define GET "\"GET /v2/a/manifests/x HTTP/1.1\""

static const struct {
	const char *line;
	double seconds; /* below 0: none */
	bool failed, transfer;
} table[] = {
	{ HEAD GET " 200 512 \"-\" \"podman/4\" 0.012", 0.012, false, false },
	{ HEAD GET " 200 512 \"-\" \"podman/4\" rt=0.012\r", 0.012, false, false },
	{ HEAD GET " 200 512 12345", 0.012345, false, false },
	{ HEAD GET " 502 - 1.5", 1.5, true, false },
	{ HEAD GET " 200 1000001 7.000", 7, false, true },
	{ HEAD "\"HEAD / HTTP/1.1\" 404 0 0.001", 0.001, false, false },
	{ HEAD "\"PATCH /v2/a/blobs/uploads/1 HTTP/1.1\" 202 0 9.5", 9.5, false, true },
	{ HEAD "\"GET /\\\"x\\\" HTTP/1.1\" 500 3 0.5", 0.5, true, false },
	{ "{\"status\":200,\"request_time\":0.25}", 0.25, false, false },
	{ "{\"request_time\": \"0.25\"}  ", 0.25, false, false },
	{ "0.5", 0.5, false, false },
	{ "7", 7e-6, false, false },
	{ HEAD GET " 200 512", 512e-6, false, false },
	{ HEAD GET " 200 512 \"-\" \"podman/4\"", -1, false, false },
	{ HEAD GET " 200 512 -", -1, false, false },
	{ "a 1.2.3", -1, false, false },
	{ "a -1", -1, false, false },
	{ "a 1e5", -1, false, false },
	{ "a .", -1, false, false },
	{ "a 99999999999999999999", -1, false, false },
	{ "\"\" \" \"", -1, false, false },
	{ "", -1, false, false },
};

TEST(lines_of_many_kinds)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct access a;
		bool timed = access_parse(table[i].line, strlen(table[i].line), &a);
		CHECK_INT(timed, table[i].seconds >= 0);
		if (!timed)
			continue;
		CHECK(fabs(a.seconds - table[i].seconds) < 1e-9);
		CHECK_INT(a.failed, table[i].failed);
		CHECK_INT(a.transfer, table[i].transfer);
	}
}

/* -- a log that is followed ------------------------------------------------------------------- */

static char path[] = "/tmp/plmaint-access-XXXXXX";

static void add(const char *text)
{
	AUTO_FILE FILE *f = fopen(path, "a");

	CHECK(f && fputs(text, f) >= 0);
}

/* Looks at 10, 10.05 ... 11, with a batch of ours at work between 10.4 and 10.6. */
static struct access_log *followed(struct signals *s)
{
	struct access_log *l = access_log_open(path);

	*s = (struct signals){ 0 };
	for (int i = 0; i <= 20; i++)
		access_log_look(l, i > 8 && i <= 12, 10 + i * 0.05, s);
	CHECK(s->of[SIGNAL_ACCESS_LOG].state == SIGNAL_KNOWN && s->probes == 0);
	return l;
}

TEST(a_request_meets_us_by_when_it_began)
{
	struct signals s;
	struct access_log *l = followed(&s);

	add("a 0.001\na 0.300\na 0.500\na 0.900\na 30.0\n");
	access_log_look(l, false, 11.05, &s);
	CHECK_INT(s.probes, 4); /* of when the last began nothing is known */
	CHECK(!s.probe[0].met && !s.probe[1].met && s.probe[2].met && !s.probe[3].met);
	CHECK(s.probe[2].kind == REQUEST_LOGGED && fabs(s.probe[2].seconds - 0.5) < 1e-9);
	access_log_close(l);
}

TEST(failures_are_a_share_and_transfers_nobodys_fault)
{
	struct signals s;
	struct access_log *l = followed(&s);

	for (int i = 0; i < 20; i++)
		add(i % 2 ? GET " 503 0 0.010\n" : GET " 200 9000000 0.010\n");
	access_log_look(l, false, 11.05, &s);
	CHECK_INT(s.probes, 0);
	CHECK(fabs(s.of[SIGNAL_ACCESS_LOG].value - 0.5) < 0.01);
	access_log_look(l, false, 31, &s);
	CHECK(s.of[SIGNAL_ACCESS_LOG].value < 0.01);
	access_log_close(l);
}

TEST(one_look_takes_no_more_than_its_share)
{
	struct signals s;
	struct access_log *l = followed(&s);

	for (int i = 0; i < 500; i++)
		add("a 0.001\n");
	for (int i = 0; i < 20; i++)
		access_log_look(l, false, 11.05 + i * 0.05, &s);
	CHECK(s.probes > 0 && s.probes <= MOST_PROBES);
	access_log_close(l);
}

TEST(what_cannot_be_read_is_unknown)
{
	struct access_log *l = access_log_open("/tmp/plmaint-no-such-log");
	struct signals s = { 0 };

	access_log_look(l, false, 1, &s);
	CHECK(s.of[SIGNAL_ACCESS_LOG].state == SIGNAL_UNKNOWN);
	access_log_close(l);
	l = followed(&s);
	for (int i = 0; i < 30; i++)
		add(GET " 200 512 \"-\" \"no time\"\n");
	access_log_look(l, false, 12, &s);
	CHECK(s.of[SIGNAL_ACCESS_LOG].state == SIGNAL_UNKNOWN);
	add("a 0.001\n");
	access_log_look(l, false, 13, &s);
	CHECK(s.of[SIGNAL_ACCESS_LOG].state == SIGNAL_KNOWN);
	/* It is gone: rotated for a moment, or what was known grows old. */
	CHECK(unlink(path) == 0);
	access_log_look(l, false, 14, &s);
	CHECK(s.of[SIGNAL_ACCESS_LOG].at == 13);
	access_log_close(l);
}

TEST(before)
{
	int fd = mkstemp(path);

	CHECK(fd >= 0 && close(fd) == 0);
}

TAP_MAIN(row(lines_of_many_kinds), row(before), row(a_request_meets_us_by_when_it_began),
	 row(failures_are_a_share_and_transfers_nobodys_fault),
	 row(one_look_takes_no_more_than_its_share), row(what_cannot_be_read_is_unknown))
