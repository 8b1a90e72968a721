/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The services that a Pulp on this host is made of.  They are found by what runs: the processes
 * that sign on in Pulp's database, and those that listen where Pulp looks for its database and its
 * cache. Names are asked where nothing runs.
 */
#pragma once
#include "lib/host/unit.h"

enum service_kind {
	SERVICE_UNIT,	/* a unit of this host */
	SERVICE_REMOTE, /* a server on another host: shown, never touched */
	SERVICE_LOOSE	/* a process of Pulp that no unit runs: shown, and an obstacle to a stop */
};
struct service {
	enum service_kind kind;
	const char *feature; /* of services.def, static */
	int priority;	     /* rising when they start */
	char *name;	     /* the unit's, or what it is: "postgresql at db.example.com:5432" */
	char *seen;	     /* how it was found: "process 812 signs on in Pulp's database" */
	struct unit unit;    /* of a unit: what it does now; its texts are owned */
	bool guessed;	     /* by its name alone */
	bool remembered;     /* it was stopped and waits for its start */
	bool chosen;
};
struct services {
	struct service *all; /* in the order in which they start */
	size_t n;
};

/* Where a server of Pulp is. */
struct service_server {
	const char *feature;	 /* "postgresql" */
	const char *host, *port; /* NULL: Pulp has none */
	long pid;		 /* one of its processes on this host, where it is known; else 0 */
};
struct service_sight {
	const struct names *heartbeats; /* "pid@host", from Pulp's database */
	const struct service_server *servers;
	size_t n_servers;
	const struct names *remembered;
};
bool services_find(const struct service_sight *sight, struct services *ret,
		   struct err *err) MUST_CHECK;
void services_release(struct services *s);
#define AUTO_SERVICES __attribute__((cleanup(services_release)))

/*
 * Marks what is chosen: words separated by commas, each a feature, a unit (".service" may be left
 * out) or a pattern of units; NULL: all, none.  ERR_USAGE names the word that fits nothing.
 */
bool services_choose(struct services *s, const char *only, const char *exclude,
		     struct err *err) MUST_CHECK;
/* What the units do now. */
bool services_look(struct services *s, struct err *err) MUST_CHECK;

/* It is meant to run and does not, or has failed. */
bool service_fails(const struct service *s);
/* Whether its unit starts with the host. */
bool service_enabled(const struct service *s);
