/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the backup_chunks*.c files share. */
#pragma once
#include "lib/drivers/pg_paged.h"
#include "lib/store/chunk_file.h"
#include "procedures/backup_chunks.h"

#include <pthread.h>
#include <stdatomic.h>

/* The newest whole backup that has chunks of this database; zero: there is none that can be used.
 */
struct chunks_before {
	struct chunk_record record;
	char id[BACKUP_ID_SIZE];
	char *dir; /* of its dump */
};
void chunks_before_find(const struct chunks_request *rq, struct chunks_before *ret);
void chunks_before_release(struct chunks_before *b);
/* Of a table of it; -1 where it cannot be read. */
int chunks_before_open(const struct chunks_before *b, const struct chunk_table *t);

struct chunk_table_work {
	const struct paged_table *of;
	struct chunk_table *record;
	const struct chunk_table *before; /* NULL: the backup before has none that is alike */
	int before_fd;			  /* -1: not open */
	struct chunk_file *file;	  /* NULL: not begun, or ended */
	size_t next, left;		  /* chunks: that is handed out, that are not done */
};

struct chunk_worker {
	struct chunk_crew *crew;
	struct pg *db;
	pthread_t thread;
	/* Of the thread. */
	struct gzip *gzip;
	struct chunk_member *member;
};

enum { CHUNK_SESSIONS = 16 };
struct chunk_crew {
	struct chunks_request rq;
	struct paged_table *paged;
	struct chunk_table_work *tables;
	size_t n;
	char **exclusions; /* ends with NULL */
	struct chunk_record record;
	struct chunks_before before;
	char *parts; /* directory in which the files are written: 0.dat.gz, ... */
	struct chunk_worker workers[CHUNK_SESSIONS];
	size_t n_workers, n_threads;
	atomic_bool failed;	/* nothing more is begun, and what is asked is cancelled */
	pthread_mutex_t mutex;	/* of what follows, and of the tables' members that change */
	pthread_cond_t changed; /* a thread has ended */
	size_t at;		/* table that is handed out */
	size_t at_work;
	struct err err; /* why it failed */
	struct dump_tally tally;
	int64_t damaged; /* chunks of the backup before */
	char *damaged_file;
};
/* "PARTS/i.dat.gz"; caller frees. */
char *chunks_part(const struct chunk_crew *c, size_t i);
void chunks_fail(struct chunk_crew *c, const struct err *err);
/* Of a struct chunk_worker with its session. */
void *chunks_work(void *worker);
