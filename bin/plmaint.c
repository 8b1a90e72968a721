/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: signals become a wish to stop, words become a command. */
#include "bin/dispatch.h"
#include "lib/core/stop.h"
#include "lib/drivers/pg.h"

#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	/* A core file would hold the passwords that no log may hold. */
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	pg_ignore_environment();
	stop_install();
	return dispatch(argc, argv, environ);
}
