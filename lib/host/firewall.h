/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Closing ports of this host to all but itself and a few: one table of our own in nftables, which
 * no other firewall knows or touches, or where there is no nft a chain of our own in iptables.
 * Rejected is what comes in for one of the ports, whatever address translation makes of it
 * afterwards, over IPv4 and IPv6, also on connections that stand already; answers to what this host
 * has asked elsewhere are not.
 */
#pragma once
#include "lib/core/err.h"

/* Lists are words with a comma between two; "" is none.  Texts are owned. */
struct firewall {
	bool there;	/* our table, also when its time is over */
	bool closed;	/* something is rejected now */
	bool doubled;	/* rules of ours are there by another program, too */
	double seconds; /* until the kernel opens by itself, whoever has died by then; 0: never */
	char *ports;	/* "80,443" */
	char *allowed;	/* networks that are let in: "192.0.2.0/24,2001:db8::1" */
};
void firewall_release(struct firewall *f);

/*
 * One transaction: what was closed before is replaced as a whole, and afterwards what another
 * program closed.  there, closed and doubled do not count.
 */
bool firewall_close(const struct firewall *wished, struct err *err) MUST_CHECK;
/* Not being there is no mistake. */
bool firewall_open(struct err *err) MUST_CHECK;
/* What the kernel says, by each program that is there: one may have been installed since.  ret is
 * untouched on failure. */
bool firewall_look(struct firewall *ret, struct err *err) MUST_CHECK;
/* The program that would close: "nft"; "" where there is none. */
const char *firewall_program(void);
/* Whether the program of this name is still there; without it its rules cannot be seen. */
bool firewall_has(const char *name, struct err *err) MUST_CHECK;

/* Adds a network or an address to a list, in the one way that it is written.  ERR_USAGE. */
bool firewall_allow(char **list, const char *network, struct err *err) MUST_CHECK;
/* Whether two lists have the same words, in any order. */
bool firewall_same(const char *a, const char *b);
