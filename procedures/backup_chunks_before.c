/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an earlier backup has; what is wrong with it costs time and nothing else. */
#include "lib/core/mem.h"
#include "lib/drivers/hash.h"
#include "procedures/backup_chunks_crew.h"
#include "procedures/restore_job.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_as_written(const char *path, const struct manifest_file *f)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char sha256[SHA256_HEX + 1];

	return fd >= 0 && sha256_file(fd, NULL, sha256) && strcmp(sha256, f->sha256) == 0;
}

static void tell(const struct chunks_request *rq, const char *why)
{
	AUTO_FREE char *message = xasprintf("the dump of %s is made as if it were the first: %s",
					    rq->database->name, why);

	EMIT(rq->actor->reporter, "notice", F_TEXT("level", "warning"), F_TEXT("message", message),
	     F_TEXT("hint", "`plmaint backup verify` reads the backup before it."));
}

void chunks_before_find(const struct chunks_request *rq, struct chunks_before *ret)
{
	AUTO_BACKUP_MANIFEST struct backup_manifest m = { .id = NULL };
	const struct repository *r = rq->job->repository;
	AUTO_FREE char *name = xasprintf("%s.chunks.tsv", rq->database->directory);
	struct err err;

	*ret = (struct chunks_before){ .dir = NULL };
	if (!restore_newest(r, ret->id, &err) || !backup_manifest_read(r, ret->id, &m, &err))
		return;
	const struct manifest_file *f = backup_manifest_file(&m, name);
	if (!f)
		return;
	AUTO_FREE char *path = repository_backup_path(r, ret->id, name);
	if (!is_as_written(path, f)) {
		tell(rq, "the record of its chunks in the backup before is damaged");
		return;
	}
	if (!chunk_record_read(path, &ret->record, &err)) {
		tell(rq, err.text);
		return;
	}
	if (ret->record.major != rq->database->server_version / 10000 ||
	    strcmp(ret->record.encoding, rq->database->encoding) != 0)
		chunk_record_release(&ret->record);
	ret->dir = repository_backup_path(r, ret->id, rq->database->directory);
}

void chunks_before_release(struct chunks_before *b)
{
	chunk_record_release(&b->record);
	free(TAKE(b->dir));
}

int chunks_before_open(const struct chunks_before *b, const struct chunk_table *t)
{
	AUTO_FREE char *path = xasprintf("%s/%s", b->dir, t->file);

	return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}
