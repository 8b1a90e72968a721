/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Windows and times of any text: what is accepted has an edge ahead, or none at all. */
#include "lib/pace/calendar.h"
#include "lib/pace/wall.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[128];
	struct calendar c;
	struct err err = { .code = ERR_NONE };
	uint32_t day = 0;
	double t, change;

	if (size < 4 || size - 4 >= sizeof(text))
		return 0;
	memcpy(&day, data, 4);
	memcpy(text, data + 4, size - 4);
	text[size - 4] = '\0';
	double now = (double)day + 0.25;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	if (wall_parse(text, now, &t, &err) && !(t > now))
		abort();
	if (!calendar_parse(text, &c, &err))
		return 0;
	bool open = calendar_open(&c, now, &change);
	if (!(change > now) || (!open && !isfinite(change)))
		abort();
	if (isfinite(change) && calendar_open(&c, change, &t) == open)
		abort();
	return 0;
}
