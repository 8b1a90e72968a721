/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads that step back behind others of this host. */
#pragma once

/* The calling thread: niceness 1 to 19, and the lowest level of disk access that is not idle.
 * Whoever is lower stays so; where the kernel refuses nothing changes. */
void priority_lower(int nice);
