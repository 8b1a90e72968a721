/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of an access log of any bytes, which no terminator follows: its time is a time. */
#include "lib/pace/access_log.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct access a;

	if (access_parse((const char *)data, size, &a) && !(a.seconds >= 0 && a.seconds <= 1e6))
		abort();
	return 0;
}
