/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What systemd and the kernel say of units and processes, and the file of those that were stopped.
 */
#include "lib/core/mem.h"
#include "lib/drivers/container.h"
#include "lib/host/process_unit.h"
#include "lib/host/remembered.h"
#include "tests/harness/tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void group(const char *text, const char *expected)
{
	AUTO_FREE char *unit = unit_in_cgroup(text);

	CHECK_STR(unit ? unit : "none", expected);
}

TEST(a_control_group_names_the_unit)
{
	group("0::/system.slice/pulpcore-api.service\n", "pulpcore-api.service");
	group("4:memory:/x.service\n1:name=systemd:/system.slice/system-postgresql.slice/"
	      "postgresql@15-main.service\n0::/elsewhere.service\n",
	      "postgresql@15-main.service");
}

TEST(a_container_is_in_the_unit_that_runs_it)
{
	group("0::/system.slice/pulp-api.service/libpod-payload-0123456789abcdef\n",
	      "pulp-api.service");
	group("0::/machine.slice/libpod-0123456789abcdef.scope/container\n", "none");
	group("0::/system.slice/pulp.service/libpod-payload-0123/system.slice/inner.service\n",
	      "pulp.service");
	group("9:name=systemd:/\n8:pids:/system.slice/a.service\n0::/\n", "a.service");
}

static void inside(const char *text, const char *expected)
{
	AUTO_FREE char *id = container_in_cgroup(text);

	CHECK_STR(id ? id : "none", expected);
}

TEST(a_control_group_names_the_container)
{
	inside("0::/machine.slice/libpod-0123456789abcdef.scope/container\n", "0123456789ab");
	inside("0::/system.slice/a.service/libpod-payload-0123456789abcdef\n", "0123456789ab");
	inside("1:name=systemd:/docker/0123456789abcdef\n0::/\n", "0123456789ab");
	inside("0::/system.slice/docker-0123456789abcdef.scope\n", "0123456789ab");
	inside("0::/machine.slice/libpod-conmon-0123456789abcdef.scope\n", "none");
	inside("0::/system.slice/docker-proxy.service\n", "none");
}

static void watched(const char *words, const char *expected)
{
	AUTO_FREE char *id = container_of_watcher(words);

	CHECK_STR(id ? id : "none", expected);
}

TEST(who_watches_over_a_container_names_it)
{
	watched("/usr/bin/conmon --api-version 1 -c 0123456789abcdef -u 0123456789abcdef -r /x ",
		"0123456789ab");
	watched("conmon -s -c 0123456789abcdef ", "0123456789ab");
	watched("/usr/bin/conmon -c pulp-api -u x ", "none");
	watched("/bin/sh -c 0123456789abcdef ", "none");
	watched("", "none");
}

TEST(what_a_user_started_is_in_no_unit_of_the_system)
{
	group("0::/user.slice/user-1000.slice/user@1000.service/app.slice/pulp.service\n", "none");
	group("0::/user.slice/user-0.slice/session-1.scope\n", "none");
	group("0::/\n", "none");
	group("", "none");
}

TEST(names_that_systemctl_would_read_otherwise_are_none)
{
	CHECK(unit_is_name("postgresql@15-main.service"));
	CHECK(unit_is_name("a\\x2db.timer"));
	CHECK(!unit_is_name("--force.service"));
	CHECK(!unit_is_name("a*.service"));
	CHECK(!unit_is_name("a b.service"));
	CHECK(!unit_is_name("pulp.target"));
	CHECK(!unit_is_name(".service"));
	CHECK(!unit_is_name(""));
}

TEST(units_are_told_apart_by_empty_lines)
{
	AUTO_UNITS struct units u = { .all = NULL };

	units_parse("Type=notify\nMainPID=12\nId=a.service\nActiveState=active\nDescription=x = y\n"
		    "\nId=a.socket\nActiveState=inactive\nTriggeredBy=\n",
		    &u);
	REQUIRE(u.n == 2);
	CHECK_STR(u.all[0].name, "a.service");
	CHECK_STR(u.all[0].description, "x = y");
	CHECK_INT(u.all[0].pid, 12);
	CHECK(unit_runs(&u.all[0]));
	CHECK_STR(u.all[1].type, "");
	CHECK(!unit_runs(&u.all[1]));
}

static struct err err;
static char dir[] = "/tmp/plmaint-units-XXXXXX";

TEST(what_was_stopped_is_read_as_it_was_written)
{
	AUTO_NAMES struct names in = { .n = 0 }, out = { .n = 0 }, none = { .n = 0 };

	REQUIRE(mkdtemp(dir));
	names_add(&in, "b.service");
	names_add(&in, "a.socket");
	names_add(&in, "b.service");
	CHECK(remembered_read(dir, &none, &err) && none.n == 0);
	REQUIRE(remembered_write(dir, &in, &err));
	REQUIRE(remembered_read(dir, &out, &err));
	CHECK_INT((long)out.n, 2);
	CHECK(names_has(&out, "a.socket") && names_has(&out, "b.service"));
	CHECK(remembered_write(dir, &none, &err));
	CHECK(remembered_write(dir, &none, &err)); /* what is not there is not to be removed */
	names_release(&out);
	CHECK(remembered_read(dir, &out, &err) && out.n == 0);
}

TEST(a_file_that_is_torn_or_foreign_is_an_error)
{
	static const char *const texts[] = { "", "x\n", "plmaint services 2\n",
					     "plmaint services 1\na.serv",
					     "plmaint services 1\n-a.service\n" };
	AUTO_FREE char *path = xasprintf("%s/services", dir);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_NAMES struct names out = { .n = 0 };
		FILE *f = fopen(path, "w");

		REQUIRE(f && fputs(texts[i], f) >= 0 && fclose(f) == 0);
		CHECK(!remembered_read(dir, &out, &err) && err.code == ERR_DATA);
		CHECK(out.n == 0);
	}
	CHECK(unlink(path) == 0 && rmdir(dir) == 0);
}

TEST(this_host_is_here_and_others_are_not)
{
	CHECK(host_is_here(NULL) && host_is_here("") && host_is_here("/run/x"));
	CHECK(host_is_here("127.0.0.1"));
	CHECK(!host_is_here("192.0.2.1"));
}

TEST(a_process_of_another_host_is_not_looked_for_here)
{
	CHECK_INT(process_of_heartbeat("1@elsewhere.example.org", 0), 0);
	CHECK_INT(process_of_heartbeat("x@", 0), 0);
	CHECK_INT(process_of_heartbeat("", 0), 0);
}

TAP_MAIN(row(a_control_group_names_the_unit), row(a_control_group_names_the_container),
	 row(a_container_is_in_the_unit_that_runs_it), row(who_watches_over_a_container_names_it),
	 row(what_a_user_started_is_in_no_unit_of_the_system),
	 row(names_that_systemctl_would_read_otherwise_are_none),
	 row(units_are_told_apart_by_empty_lines), row(what_was_stopped_is_read_as_it_was_written),
	 row(a_file_that_is_torn_or_foreign_is_an_error), row(this_host_is_here_and_others_are_not),
	 row(a_process_of_another_host_is_not_looked_for_here))
