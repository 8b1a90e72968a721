/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two writers of a repository, for tests/store/test_disk.py:
 *	store_writers REPOSITORY FILE FILE
 * Each copies one of the files, and then each makes durable what it has: a line for each says
 * whether it could.
 */
#include "lib/core/mem.h"
#include "lib/store/object.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool take_in(struct object_writer *w, const char *path, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct object_copy copy;

	return fd >= 0 && object_put(w, fd, NULL, &copy, err) && copy.verdict == OBJECT_GOOD;
}

int main(int argc, char **argv)
{
	struct repository *r = NULL;
	struct object_writer *w[2];
	struct err err = { 0 };

	if (argc != 4 || !repository_open(argv[1], true, &r, &err))
		return 2;
	for (int i = 0; i < 2; i++) {
		w[i] = object_writer_new(r);
		if (!take_in(w[i], argv[2 + i], &err))
			return 2;
	}
	for (int i = 0; i < 2; i++) {
		puts(object_writer_flush(w[i], &err) ? "durable" : "lost");
		object_writer_free(w[i]);
	}
	repository_close(r);
	return 0;
}
