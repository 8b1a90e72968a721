/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What --to means, and what the release can do. */
#include "lib/pulp/releases.h"
#include "tests/harness/tap.h"

static struct release_target found(const char *text)
{
	struct release_target t = { .level = -2 };
	struct err err = { 0 };

	CHECK(release_target_find(text, &t, &err));
	return t;
}

static const char *refused(const char *text)
{
	static struct err err;
	struct release_target t;

	CHECK(!release_target_find(text, &t, &err));
	CHECK_INT(err.code, ERR_USAGE);
	return err.text;
}

TEST(who_reads_artifacts)
{
	static const char *const yes[] = { "2.19",    "2.20",	 "2.22",    "2.23.1", "2.24",
					   "2.24.15", "2.26.15", "2.26.19", "3.49",   "3.63" };
	static const char *const no[] = { "2.25",  "2.26",	 "2.26.14", "2.27.14",
					  "2.28",  "2.29.1",	 "2.30",    "3.116",
					  "3.117", "2.29,3.116", "3.73" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		CHECK(found(yes[i]).reads_artifacts);
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		CHECK(!found(no[i]).reads_artifacts);
}

TEST(facts)
{
	CHECK_INT(found("2.22").level, 43);
	CHECK_INT(found("2.24.0").level, 44);
	CHECK_INT(found("2.24").level, 45);
	CHECK_INT(found("2.29").level, 50);
	CHECK_INT(found("2.31").level, RELEASE_UNKNOWN);
	CHECK_INT(found("2.26").core_least, 73);
	CHECK_INT(found("2.26").core_most, 99);
	CHECK_INT(found("2.26,3.85").core_least, 85);
	CHECK_INT(found("2.26,3.85").core_most, 85);
	CHECK(found(NULL).core_most > 117);
	CHECK(!found(NULL).named);
	CHECK(found("3.116").named);
}

TEST(names)
{
	CHECK_STR(found(NULL).name, "the newest Pulp");
	CHECK_STR(found("2.29").name, "pulp_container 2.29");
	CHECK_STR(found("3.116").name, "pulpcore 3.116");
	CHECK_STR(found("3.85.34,2.26.19").name, "pulp_container 2.26.19 with pulpcore 3.85");
}

TEST(nonsense)
{
	CHECK_STR(refused("4.1"), "--to: '4.1' is no release");
	CHECK_STR(refused("2"), "--to: '2' is no release");
	CHECK_STR(refused("2.29x"), "--to: '2.29x' is no release");
	CHECK_STR(refused("2.29."), "--to: '2.29.' is no release");
	CHECK_STR(refused("2.29,,3.116"), "--to: '' is no release");
	CHECK_STR(refused("2.18"), "--to: no release that is known is 2.18");
	CHECK_STR(refused("3.21"), "--to: no release that is known is 3.21");
	CHECK_STR(refused("2.29,3.63"), "--to: no release that is known is 2.29,3.63");
}

TAP_MAIN(row(who_reads_artifacts), row(facts), row(names), row(nonsense))
