/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP ports on which something of this host listens, as the kernel has them in /proc. */
#pragma once
#include "lib/core/err.h"

struct open_port {
	unsigned port;
	bool loopback; /* it can be reached from this host alone */
	int pid;       /* of one process that has it open; 0: not found, for which root is needed */
	char program[64];  /* that process's name: "sshd"; "" when there is none */
	char command[256]; /* and its arguments, blanks between them */
};
/* Borrowed for the call. */
bool open_ports_find(void (*fn)(void *arg, const struct open_port *l), void *arg,
		     struct err *err) MUST_CHECK;
/* The port of this host by which the session that this program runs in came over SSH; 0: it did
 * not. */
unsigned open_ports_session(void);
