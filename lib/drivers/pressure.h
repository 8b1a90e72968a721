/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much of the time tasks of this host have waited (pressure stall information), and how much of
 * it its processors and disks have been used. */
#pragma once
#include <stdbool.h>

/* Microseconds since boot in which some (cpu) or all (io, memory) tasks waited; -1: the kernel does
 * not tell. */
struct pressure {
	double cpu_some, io_full, memory_full;
};
struct pressure pressure_read(void);

/* What this host's processors have done since boot, and could have, in ticks (1/100 s) of each:
 * what a hypervisor took of them is in neither.  Both -1: the kernel does not tell. */
struct processors {
	double busy, all;
};
struct processors processors_read(void);

/* Share of its disk that a backend of PostgreSQL on this host has no use of, 0 to 1: of its data
 * directory or of its WAL, the fuller one; -1: not to be seen from here. */
double pressure_disk(int backend);
/* Bytes that are free where its data directory is; -1: not to be seen from here. */
double pressure_room(int backend);
