/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What host-firewall-close takes, also for the scenarios that bind it. */
#pragma once
#include "lib/core/options.h"

struct firewall_params {
	double seconds; /* 0: until it is opened, also over a reboot */
	char **allow;	/* networks, beside those of maintenance-mode.allow; NULL: none */
	int renew;	/* the time begins anew for as long as this program lives */
};

#define FIREWALL_PARAMS_ROWS(type)                                                                 \
	{ "for",       0,                                                                          \
	  OPT_SECONDS, offsetof(type, seconds),                                                    \
	  "DURATION",  "open again after this time, by the kernel alone; not given: until `stop`", \
	  1,	       0,                                                                          \
	  NULL },                                                                                  \
	{                                                                                          \
		"allow", 0, OPT_LIST, offsetof(type, allow), "NETWORK",                            \
			"let in from there: 192.0.2.0/24 or one address; may be given often", 0,   \
			0, NULL                                                                    \
	}
