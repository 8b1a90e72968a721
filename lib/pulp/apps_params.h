/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a scenario binds into the check that waits for Pulp's services to settle. */
#pragma once

struct apps_params {
	int stopped; /* all have been stopped: none may be online */
};
