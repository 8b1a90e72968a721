/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: signals become a wish to stop, words become a command. */
#include "bin/dispatch.h"
#include "lib/core/stop.h"
#include "lib/drivers/pg.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* What is opened next would get the number of a standard stream that is closed, and a log line
 * would go into it.  The wrong way round: writing to such a stream still fails. */
static void fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
}

int main(int argc, char **argv)
{
	/* A core file would hold the passwords that no log may hold. */
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	fill_streams();
	pg_ignore_environment();
	stop_install();
	return dispatch(argc, argv, environ);
}
