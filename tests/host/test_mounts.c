/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which line of mountinfo is that of a path. */
#include "lib/host/mounts.h"

#include "tests/harness/tap.h"

static const char text[] =
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
	"30 22 0:26 / /var/lib/pulp rw,noexec shared:7 master:2 - nfs4 server:/pulp rw,vers=4.2,soft\n"
	"31 22 0:27 / /var/lib/pulp/media ro - ext4 /dev/sdb rw\n"
	"32 22 0:28 / /var/lib/pulp/media rw - xfs /dev/sdc rw\n"
	"33 22 0:29 / /with\\040blank ro - tmpfs none rw\n"
	"34 broken\n"
	"35 22 0:30 / /short rw -\n";

TEST(the_nearest_above_is_the_one)
{
	struct mount m;

	CHECK(mount_find(text, "/etc", &m));
	CHECK_STR(m.point, "/");
	CHECK(mount_has(&m, "errors=remount-ro") && !mount_has(&m, "errors"));
	CHECK(mount_find(text, "/var/lib/pulp", &m));
	CHECK_STR(m.type, "nfs4");
	CHECK(mount_has(&m, "noexec") && mount_has(&m, "soft") && !mount_has(&m, "ro"));
	CHECK(mount_find(text, "/var/lib/pulpit", &m));
	CHECK_STR(m.point, "/");
	CHECK(mount_find(text, "/short/of", &m));
	CHECK_STR(m.point, "/");
}

TEST(the_later_one_covers_and_blanks_are_read)
{
	struct mount m;

	CHECK(mount_find(text, "/var/lib/pulp/media/artifact", &m));
	CHECK_STR(m.type, "xfs");
	CHECK(mount_find(text, "/with blank/x", &m));
	CHECK_STR(m.type, "tmpfs");
	CHECK(mount_has(&m, "ro"));
	CHECK(!mount_find("", "/", &m));
}

TAP_MAIN(row(the_nearest_above_is_the_one), row(the_later_one_covers_and_blanks_are_read))
