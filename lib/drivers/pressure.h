/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pressure stall information: how much of the time tasks of this host have waited. */
#pragma once
#include <stdbool.h>

/* Microseconds since boot in which some (cpu) or all (io, memory) tasks waited; -1: the kernel does
 * not tell. */
struct pressure {
	double cpu_some, io_full, memory_full;
};
struct pressure pressure_read(void);

/* Share of its disk that a backend of PostgreSQL on this host has no use of, 0 to 1: of its data
 * directory or of its WAL, the fuller one; -1: not to be seen from here. */
double pressure_disk(int backend);
/* Bytes that are free where its data directory is; -1: not to be seen from here. */
double pressure_room(int backend);
