/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines that others add to a file, from now on: through rotation, by another file of that name
 * or by truncation. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct tail;
struct tail *tail_open(const char *path); /* copied; a file that is not there yet may come */
void tail_close(struct tail *t);
/*
 * Hands each whole line that is new to fn, without its end and not terminated; lines of more than
 * 8 KB are left out, and so is what has piled up beyond 1 MB.  Never waits.  False: there is no
 * such regular file at the moment, or it may not be read.
 */
bool tail_read(struct tail *t, void (*fn)(void *arg, const char *line, size_t len), void *arg);
