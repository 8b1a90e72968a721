/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the batch procedures over manifests share: sessions, schema, ledger, storage, and the
 * binding of Pulp's functions into the engine's phases.  Not a procedure itself.
 */
#pragma once
#include "lib/batch/engine.h"
#include "lib/core/step.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/manifest_rows.h"
#include "lib/pulp/pending.h"
#include <stdatomic.h>

/* Options that every procedure of the pre-migration takes; the command's own struct binds into it.
 */
struct manifest_params {
	int dry_run, refill, assume_schema;
	char *repository; /* name, or NULL */
	long max_rows;
	char *window, *deadline; /* as written, or NULL */
	double max_duration;	 /* seconds; 0: as the configuration says */
	char *throttle_query, *throttle_http, *throttle_cmd; /* NULL: as the configuration says */
	unsigned follows; /* what the scenario does after this step, see FOLLOWS_FILL */
};
enum { FOLLOWS_FILL = 1 << 0, FOLLOWS_DETACH = 1 << 1, FOLLOWS_VACUUM = 1 << 2 };
extern const struct opt manifest_params_table[];
/* The same rows for a command's struct that holds a manifest_params as member `common`. */
#define MANIFEST_PARAMS_ROWS(type)                                                               \
	{ "dry-run", 'n',                                                                        \
	  OPT_FLAG,  offsetof(type, common.dry_run),                                             \
	  NULL,	     "do everything and roll it back; a pause or a stop is heard all the same",  \
	  0,	     0,                                                                          \
	  NULL },                                                                                \
		{ "refill", 0,                                                                   \
		  OPT_FLAG, offsetof(type, common.refill),                                       \
		  NULL,	    "also rows that Pulp's own command never selects",                   \
		  0,	    0,                                                                   \
		  NULL },                                                                        \
		{ "repository",                                                                  \
		  0,                                                                             \
		  OPT_TEXT,                                                                      \
		  offsetof(type, common.repository),                                             \
		  "NAME",                                                                        \
		  "only what the latest version of this repository holds",                       \
		  0,                                                                             \
		  0,                                                                             \
		  NULL },                                                                        \
		{ "max-rows", 0,                                                                 \
		  OPT_INT,    offsetof(type, common.max_rows),                                   \
		  "N",	      "stop after so many rows",                                         \
		  1,	      1000000000,                                                        \
		  NULL },                                                                        \
		{ "window", 0,                                                                   \
		  OPT_TEXT, offsetof(type, common.window),                                       \
		  "TIMES",  "work only then, by the host's clock: 22:00-05:00",                  \
		  0,	    0,                                                                   \
		  NULL },                                                                        \
		{ "deadline", 0,                                                                 \
		  OPT_TEXT,   offsetof(type, common.deadline),                                   \
		  "TIME",     "stop then with the state saved: 06:00 or RFC 3339",               \
		  0,	      0,                                                                 \
		  NULL },                                                                        \
		{ "max-duration",                                                                \
		  0,                                                                             \
		  OPT_SECONDS,                                                                   \
		  offsetof(type, common.max_duration),                                           \
		  "TIME",                                                                        \
		  "stop after so long with the state saved: 2h",                                 \
		  1,                                                                             \
		  0,                                                                             \
		  NULL },                                                                        \
		{ "throttle-query",                                                              \
		  0,                                                                             \
		  OPT_TEXT,                                                                      \
		  offsetof(type, common.throttle_query),                                         \
		  "SQL",                                                                         \
		  "work stops while it gives true or a number above 0",                          \
		  0,                                                                             \
		  0,                                                                             \
		  NULL },                                                                        \
		{ "throttle-http",                                                               \
		  0,                                                                             \
		  OPT_TEXT,                                                                      \
		  offsetof(type, common.throttle_http),                                          \
		  "URL",                                                                         \
		  "work stops while it answers anything but 200",                                \
		  0,                                                                             \
		  0,                                                                             \
		  NULL },                                                                        \
		{ "throttle-cmd",                                                                \
		  0,                                                                             \
		  OPT_TEXT,                                                                      \
		  offsetof(type, common.throttle_cmd),                                           \
		  "COMMAND",                                                                     \
		  "work stops while its exit status is not 0; words, no shell",                  \
		  0,                                                                             \
		  0,                                                                             \
		  NULL },                                                                        \
	{                                                                                        \
		"assume-schema", 0, OPT_FLAG, offsetof(type, common.assume_schema), NULL,        \
			"work on a schema newer than this program knows, by column names", 0, 0, \
			NULL                                                                     \
	}

struct manifest_job {
	struct actor *actor;
	struct pulp_schema schema;
	struct pg *control;
	struct ledger ledger;
	struct storage *storage;
	struct control steer;
	struct batch_setup setup;
	struct throttle_options throttle;
	struct pending_options pending;
	struct pending_counts known; /* as counted before the step began; all 0: nobody has */
	unsigned follows;
	/* Busy seconds of a unit by kind, as this host took before, or as the last estimate has it,
	 * and how well that is known, see struct eta_guess; 0: never. */
	struct {
		double each, doubt;
	} cost[PENDING_DETACH + 1];
	double slower; /* times that this host takes longer than was thought; 0: not known */
	char repository_id[37];
	char options[128]; /* JSON for the ledger */
	double saved_at;   /* when the verdicts were last written to the state directory */
	char except[32];
};

/* Whether the times that the options name make sense; pure but for the time zone. */
bool manifest_params_check(const struct manifest_params *p, double now, struct err *err) MUST_CHECK;

/* storage: open the media root too.  Errors carry hints; nothing has been changed then but,
 * perhaps, an empty ledger made. */
bool manifest_job_open(struct manifest_job *j, struct actor *a, const struct manifest_params *p,
		       bool storage, struct err *err) MUST_CHECK;
/*
 * For who only looks, or rolls back what it writes: no ledger is made or opened, so there is
 * nothing to steer and nothing to run.  Its sessions know what has a verdict.
 */
bool manifest_job_look(struct manifest_job *j, struct actor *a, struct err *err) MUST_CHECK;
void manifest_job_close(struct manifest_job *j);
/* Waits for an open window and for the end of a pause.  False: it must not begin, and the outcome
 * says why. */
bool manifest_job_wait(struct manifest_job *j, const char *label, struct outcome *out) MUST_CHECK;
/* Follows the options of the job's open run, when there is one; *followed tells whether ours were
 * others. */
bool manifest_job_follow(struct manifest_job *j, const char *label, bool *followed,
			 struct err *err) MUST_CHECK;

struct manifest_pages;
/* One phase bound to Pulp's rows; released by manifest_phase_release. */
struct manifest_phase {
	struct manifest_rows rows;
	enum pending_kind kind;
	atomic_uint windows;	     /* fetched so far, by all writers */
	struct manifest_pages *seen; /* of artifacts, in windows of detach until now */
};
void manifest_phase_bind(struct manifest_job *j, struct manifest_phase *m, enum pending_kind kind,
			 struct batch_phase *ret);
void manifest_phase_release(struct manifest_phase *m, struct batch_phase *phase);
/* A job of two phases, from their binding to their release: first images, then the lists of them.
 */
bool manifest_job_images_then_lists(struct manifest_job *j, const char *label,
				    enum pending_kind images, enum pending_kind lists,
				    struct batch_result *ret, struct err *err) MUST_CHECK;

/* batch_run; ERR_STOPPED when Pulp's schema changes meanwhile. */
bool manifest_job_run(struct manifest_job *j, const struct batch_job *job, struct batch_result *ret,
		      struct err *err) MUST_CHECK;

/* Turns the engine's result into the step's outcome. */
/* fills: its rows are what the run is counted by. */
void manifest_job_report(const struct batch_result *res, const char *verb, bool fills,
			 struct outcome *out);
/* Of a dry run, behind the report: nothing has been written, set aside or saved. */
void manifest_job_rolled_back(struct outcome *out);

/* For needed(): counts on the probe's session, leaving out what has a verdict. */
bool manifest_pending(const struct probe *p, const struct manifest_params *params,
		      struct pulp_schema *schema, struct pending_counts *ret,
		      struct err *err) MUST_CHECK;
/* The same for links alone; *ret is -1 when there are some that nobody has counted. */
bool manifest_links_pending(const struct probe *p, const struct manifest_params *params,
			    struct pulp_schema *schema, bool *any, int64_t *ret,
			    struct err *err) MUST_CHECK;
/*
 * Also for needed(): what there is to do although nothing is pending.  *changed: rows that were set
 * aside have changed; *any: that, or a run has still to be ended, whose last row was settled just
 * before a kill, or the ledger's verdicts are of other rules than ours.
 */
bool manifest_left_over(const struct probe *p, const struct pulp_schema *schema,
			const struct manifest_params *params, enum pending_kind kind,
			const char *label, bool *changed, bool *any, struct err *err) MUST_CHECK;
