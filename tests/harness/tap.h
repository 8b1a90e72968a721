/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests in C, read by prove: TAP 13 on stdout, what went wrong on stderr (prove shows that
 * without -v).  A failing CHECK says where and which values and goes on; REQUIRE and SKIP return
 * from the function they stand in, so cleanup attributes run (no longjmp).  The plan comes from the
 * table at the file's end, so a program that dies early fails.  A test without one check fails too.
 *
 *	TEST(adds) { CHECK_INT(1 + 1, 2); }
 *	TAP_MAIN(row(adds))
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tap_row {
	const char *name;
	void (*fn)(void);
};

/* One static for the whole program, so that a test's own helper functions can CHECK as well. */
static struct {
	int checks, failures;
	const char *skip;
} tap_now;

static inline bool tap_check(bool ok, const char *file, int line, const char *what)
{
	tap_now.checks++;
	if (!ok) {
		tap_now.failures++;
		fflush(stdout);
		fprintf(stderr, "# %s:%d: failed: %s\n", file, line, what);
	}
	return ok;
}

static inline bool tap_int(long long a, long long b, const char *file, int line, const char *what)
{
	if (!tap_check(a == b, file, line, what))
		fprintf(stderr, "#	got %lld, wanted %lld\n", a, b);
	return a == b;
}

/* Length and bytes; a NULL pointer equals only a NULL pointer. */
static inline bool tap_mem(const char *a, size_t alen, const char *b, size_t blen, const char *file,
			   int line, const char *what)
{
	bool same = a && b ? alen == blen && memcmp(a, b, alen) == 0 : a == b;
	if (!tap_check(same, file, line, what))
		fprintf(stderr,
			"#	got    %s%.*s%s (%zu bytes)\n#	wanted %s%.*s%s (%zu bytes)\n",
			a ? "\"" : "", a ? (int)alen : 4, a ? a : "NULL", a ? "\"" : "", alen,
			b ? "\"" : "", b ? (int)blen : 4, b ? b : "NULL", b ? "\"" : "", blen);
	return same;
}

static inline bool tap_str(const char *a, const char *b, const char *file, int line,
			   const char *what)
{
	return tap_mem(a, a ? strlen(a) : 0, b, b ? strlen(b) : 0, file, line, what);
}

/* PLMAINT_NO_SKIP=1 makes a skip a failure: set where everything must run. */
static inline bool tap_end(int number, const char *name)
{
	const char *strict = getenv("PLMAINT_NO_SKIP");
	if (tap_now.skip && strict && strict[0] == '1')
		tap_check(false, name, 0, tap_now.skip);
	else if (!tap_now.skip)
		(void)(tap_now.checks > 0 || tap_check(false, name, 0, "no check ran"));
	bool ok = tap_now.failures == 0;
	printf("%s %d - %s%s%s\n", ok ? "ok" : "not ok", number, name,
	       ok && tap_now.skip ? " # SKIP " : "", ok && tap_now.skip ? tap_now.skip : "");
	fflush(stdout);
	return ok;
}

static inline int tap_run(const struct tap_row *rows, int n)
{
	int bad = 0;
	printf("TAP version 13\n1..%d\n", n);
	fflush(stdout);
	for (int i = 0; i < n; i++) {
		tap_now.checks = tap_now.failures = 0;
		tap_now.skip = NULL;
		rows[i].fn();
		bad += !tap_end(i + 1, rows[i].name);
	}
	return bad != 0;
}

#define TEST(name) static void test_##name(void)
#define row(name)                  \
	{                          \
#name, test_##name \
	}
#define TAP_MAIN(...)                                                        \
	int main(void)                                                       \
	{                                                                    \
		static const struct tap_row rows[] = { __VA_ARGS__ };        \
		return tap_run(rows, (int)(sizeof(rows) / sizeof(rows[0]))); \
	}
#define CHECK(cond) tap_check((cond), __FILE__, __LINE__, #cond)
#define CHECK_INT(a, b) tap_int((long long)(a), (long long)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_STR(a, b) tap_str((a), (b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_MEM(a, alen, b, blen) \
	tap_mem((a), (alen), (b), (blen), __FILE__, __LINE__, #a " == " #b)
#define REQUIRE(cond)             \
	do {                      \
		if (!CHECK(cond)) \
			return;   \
	} while (0)
#define SKIP(reason)                     \
	do {                             \
		tap_now.skip = (reason); \
		return;                  \
	} while (0)
