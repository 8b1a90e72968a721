/* SPDX-License-Identifier: GPL-3.0-or-later */
/* proc(5): what it says of a process that ends meanwhile is nothing, and that is an answer. */
#pragma once
#include "lib/core/strbuf.h"
#include <stdbool.h>
#include <sys/types.h>

/* A file of a process, or of all of them where pid is 0: "net/tcp".  False: it is gone, empty or
 * closed to us. */
bool proc_read(pid_t pid, const char *name, struct strbuf *out);
/* The same with blanks for its zero bytes, as between the words of cmdline. */
bool proc_read_text(pid_t pid, const char *name, struct strbuf *out);
/* Blanks, line breaks and backslashes of a path are written there as three octal digits. */
void proc_unescape(char *s);
pid_t proc_parent(pid_t pid); /* 0: it has none, or is gone */
/* Who it runs as.  False: it is gone. */
bool proc_user(pid_t pid, uid_t *ret);
/* Calls fn for each process until it says yes; that one, or 0. */
pid_t proc_find(bool (*fn)(pid_t pid, void *arg), void *arg);
/* What a variable was when the program began; caller frees; NULL: it was not set. */
char *proc_variable(pid_t pid, const char *name);
/* Calls fn for each socket that a process has open, until it says yes, and tells whether it did. */
bool proc_sockets(pid_t pid, bool (*fn)(unsigned long inode, void *arg), void *arg);
