/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What firewall.c asks of the programs that a host may have, and what those share. */
#pragma once
#include "lib/core/strbuf.h"
#include "lib/host/firewall.h"

struct firewall_tool {
	const char *name, *program; /* the program must be there */
	bool (*close)(const struct firewall *wished, struct err *err);
	bool (*open)(struct err *err);
	bool (*look)(struct firewall *ret, struct err *err);
};
extern const struct firewall_tool firewall_nft, firewall_iptables;

/* Runs it with English messages; out and errors are texts afterwards, also where it said nothing.
 */
bool firewall_run(const char *const *argv, const char *input, struct strbuf *out,
		  struct strbuf *errors, int *ret_status, struct err *err) MUST_CHECK;
/* What its words about its own troubles mean; false. */
bool firewall_explain(const char *program, const char *said, struct err *err);
