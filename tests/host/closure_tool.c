/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program that closes ports for a time and renews it, as a long scenario does, until it is
 * killed:
 *
 *	closure_tool STATE_DIR SECONDS
 */
#include "lib/core/mem.h"
#include "lib/host/closure.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct config *config = config_new();
	double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
	AUTO_FREE char *ports = xstrdup("443");
	const struct firewall wished = { .seconds = seconds, .ports = ports };
	struct err err;

	if (seconds <= 0 || !config_set(config, "general.state_dir", argv[1], "argv", &err) ||
	    !closure_close(config, &wished, &err) || !closure_keep(config, seconds, &err))
		return 1;
	puts("ready");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}
