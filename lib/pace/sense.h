/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The signals of the controller, from where they are: PostgreSQL over a session of its own, this
 * host's pressure where the server runs on it, and in a thread of its own what may hang: Redis,
 * Pulp's status, a URL and a command that the operator named.
 */
#pragma once
#include "lib/drivers/pg.h"
#include "lib/drivers/redis.h"
#include "lib/pace/controller.h"

struct sense_options {		    /* borrowed for the sense's life */
	const char *tables;	    /* that we work on: "{container_manifest}" */
	const char *probe;	    /* a SELECT such as Pulp's own; $1 is a random uuid */
	struct redis_options redis; /* url NULL: none */
	const char *status_url;	    /* of Pulp's status, or NULL */
	const char *content_url;    /* something that Pulp serves, or NULL */
	const char *access_log;	    /* of the web server in front of Pulp, or NULL */
	/* Whether a batch of ours was at work since then; called by any thread. */
	bool (*met)(void *arg, double began);
	bool (*away)(void *arg); /* whether nobody works, for a look; likewise */
	void *met_arg;
	const char *query;   /* one number or boolean: above 0, or true, work stops; or NULL */
	const char *url;     /* anything but 200 stops work; or NULL */
	const char *command; /* words apart by blanks; a status other than 0 stops work; or NULL */
	/* Signals that this work does not bring about, and that are not to hold it up. */
	const enum signal *others_own;
	size_t n_others_own;
	bool here; /* the work is this host's, wherever the server is: it looks at its pressure */
};
struct sense;
struct sense *sense_open(const struct sense_options *o);
void sense_close(struct sense *s);

/*
 * Looks where it is time to, and fills *out, whose probes are the caller's to clear.  db: a session
 * for this alone, or NULL while there is none: then what it would say is unknown.
 */
void sense_look(struct sense *s, struct pg *db, double now, struct signals *out);
/* The session is new, or as good as new: what was prepared on the last one is gone, and where the
 * two are in memory says nothing. */
void sense_begin(struct sense *s);
/* Nobody has looked for a while: the next look is at all of it. */
void sense_again(struct sense *s);
/* The database will still grow by so many bytes; 0: nobody knows. */
void sense_expect(struct sense *s, double growth);
/* The operator's query is asked once in so many seconds. */
void sense_query_every(struct sense *s, double seconds);
/* The server may write so many bytes of WAL a second; 0: as many as it likes. */
void sense_budget(struct sense *s, double wal);
/* One request of Pulp's kind, or a commit; its seconds, NaN when it failed. */
double sense_probe(struct sense *s, struct pg *db);
/* The share of others' sessions that are taken; NaN when there are none, or they may not be seen.
 */
double sense_sessions(struct sense *s, struct pg *db);
