/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The step model.  A *check* looks and never touches; a *procedure* acts; a *scenario* is a const
 * array of steps; a *command* is a table of actions, and an action is options plus either a
 * scenario or one function that prints an answer.  The core never names a check: bin/catalogue.c
 * expands the .def lists and hands the tables down.
 *
 * Three answers are kept apart: run() returning true with RESULT_OK or RESULT_FINDING is what was
 * seen; run() returning false is "could not find out" (check) or "failed" (procedure).
 */
#pragma once
#include "lib/core/config.h"
#include "lib/core/err.h"
#include "lib/core/event.h"
#include "lib/core/options.h"
#include <stdint.h>

struct probe; /* lib/drivers/probe.h: read-only reach, all that a check gets */
struct actor; /* lib/drivers/probe.h: the reach of a procedure */

/* What a step needs; the dispatcher provides the union before the first step, `plan` prints it. */
enum need {
	NEED_DB = 1 << 0,    /* Pulp's database */
	NEED_MEDIA = 1 << 1, /* Pulp's artifact storage */
	NEED_REDIS = 1 << 2, /* the content cache, where Pulp has it enabled */
	NEED_ROOT = 1 << 3,
	NEED_SYSTEMD = 1 << 4,
	NEED_LEDGER = 1 << 5,  /* the schema plmaint in Pulp's database, or its stand-in */
	NEED_SETTINGS = 1 << 6 /* where Pulp is, as its settings say: asks no server */
};
enum { NEED_COUNT = 7 };
const char *need_word(unsigned need); /* of one bit: "database" */

/* The words of the JSON field "result", in order of rising trouble. */
enum result {
	RESULT_OK,
	RESULT_NOT_NEEDED,
	RESULT_SKIPPED,
	RESULT_WARNING, /* done, with something to look at; also stopped, state saved */
	RESULT_FINDING, /* a check saw something wrong */
	RESULT_UNKNOWN, /* a check could not find out */
	RESULT_FAILED
};
const char *result_word(enum result r); /* "not-needed" */

enum { OUTCOME_EXAMPLES = 10, OUTCOME_COUNTS = 5 };
struct outcome {
	enum result result;
	char text[512]; /* lower case, no final stop: "37 duplicate rows in core_artifact" */
	char hint[320]; /* one sentence with a stop */
	char *examples[OUTCOME_EXAMPLES + 1]; /* owned, NULL-terminated */
	int exit;	  /* 0 = derive from result; else the status it asks for (75, 130, 143) */
	bool rolled_back; /* a dry run: what it counts was undone */
	bool unmet;	  /* something that the step needs is not there */
	struct count {
		/* Static text: "rows", "partial", "quarantined", "filled" or "found". */
		const char *key;
		int64_t n;
	} counts[OUTCOME_COUNTS]; /* for step.end; run.end has the sum of all steps */
};
void outcome_set(struct outcome *o, enum result r, const char *fmt, ...) PRINTF_LIKE(3, 4);
void outcome_hint(struct outcome *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
void outcome_example(struct outcome *o, const char *fmt, ...)
	PRINTF_LIKE(2, 3); /* beyond ten: dropped */
void outcome_count(struct outcome *o, const char *key, int64_t n);
void outcome_release(struct outcome *o);

struct check {
	const char *label;   /* "pulp-manifests-unmigrated" */
	const char *summary; /* one line */
	const char *source;  /* what it asks: tables of Pulp's, files, a server */
	const char *explain; /* why the world needs it */
	const char *cost;    /* what it reads where that grows with the site; NULL: moments */
	const char *const *tags;
	const char *const *remedies; /* labels of procedures */
	unsigned needs;
	/* A word for what it finds out once for all checks of that word (struct memo): where checks
	 * run in several processes, these run in one.  NULL: nothing. */
	const char *shares;
	const struct opt *params;
	size_t params_size;
	bool (*run)(const struct probe *p, const void *params, struct outcome *out,
		    struct err *err);
};

/*
 * Whether it is possible is the answer of `needs`, which the dispatcher tries, and of needed().  An
 * estimate is a procedure or an action of its own, since it takes time and a sample.  There is no
 * undo: what is changed at a time is one transaction, whose rollback undoes it, or one file put in
 * place by rename; what spans steps is for the rescue steps of a scenario.
 */
struct procedure {
	const char *label, *summary, *explain;
	const char
		*changes; /* one line: what it changes, printed by `plan`; NULL: nothing at all */
	/* What it deletes that nobody can bring back ("finished tasks"), or NULL.  The runner
	 * refuses it where the session may not delete. */
	const char *deletes;
	const char *const *tags;
	unsigned needs;
	const struct opt *params;
	size_t params_size;
	const char *deprecated_in; /* the plmaint release in which it goes, or NULL: `make lint`
				      refuses one whose release has come */
	/* Asks the system (not a version, not the ledger alone) whether there is work; fills
	 * why->text. */
	bool (*needed)(const struct probe *p, const void *params, bool *needed, struct outcome *why,
		       struct err *err);
	bool (*run)(struct actor *a, const void *params, struct outcome *out, struct err *err);
	bool (*verify)(const struct probe *p, const void *params, struct outcome *out,
		       struct err *err); /* may be NULL */
	/* Seconds that run() would take at full speed: P10, P50 and P90.  NULL: moments. */
	bool (*estimate)(struct actor *a, bool may_write, double ret[3], struct err *err);
};

enum step_flag {
	STEP_FAIL_SLOW = 1 << 0, /* go on after a failure, report at the end */
	STEP_RESCUE = 1 << 1,	 /* runs only when an earlier step failed */
	STEP_CRITICAL = 1 << 2,	 /* --whitelist refuses to skip it without --force */
	STEP_GATE = 1 << 3 /* neither it nor what follows begins when an earlier step failed */
};
struct step {
	const struct check *check; /* exactly one of check and procedure */
	const struct procedure *procedure;
	/* Copies what this step needs from the command's options into its zeroed params; NULL:
	 * defaults. */
	void (*bind)(const void *options, void *params);
	/* NULL: always.  Else whether the step belongs to this run; *why says why not
	 * ("--keep-links"). */
	bool (*when)(const void *options, const char **why);
	const char *why; /* one phrase for `plan`: why the step is in the scenario */
	unsigned flags;
};
#define STEPS_END                                \
	{                                        \
		.check = NULL, .procedure = NULL \
	}

/* What a printing action gets. */
struct session {
	const struct catalogue *catalogue;
	const struct config *config;
	const struct reporter *reporter;
	struct probe *probe;	     /* set by provide; what was asked for is in it */
	struct actor *actor;	     /* set by provide when the action writes (ACTION_WRITES) */
	const char *const *operands; /* NULL-terminated words after the options */
	int json, assume_yes, force, verbose, quiet;
	int may_delete;	       /* --delete was given; no other option stands in for it */
	const char *whitelist; /* comma separated labels or NULL */
	const char *run_id;    /* uuid text of this run of the program */
	/*
	 * Provides what is asked beyond what the action's needs have brought.  What is not there is
	 * a bit in unmet, with its reason in unmet_why[bit number]; the runner answers for the step
	 * that needs it.
	 */
	void (*provide)(struct session *s, unsigned needs, bool writes);
	/* An error ERR_HELD was the answer: waits until the pause is over, and tells so.  False: it
	 * must end.  NULL: nothing is ever held. */
	bool (*hold)(struct session *s, const char *label);
	bool looking; /* a check, or needed(), is at work */
	unsigned unmet;
	const struct err *unmet_why;
	int look_timeout_ms; /* of one statement of the probe's session; 0: ten minutes */
	/* For an ACTION_ABOUT action: the action that the words named, with its options parsed. */
	const struct command *about_command;
	const struct action *about;
	void *about_options;
};

enum action_flag {
	ACTION_WRITES = 1 << 0,
	ACTION_HIDDEN = 1 << 1,
	ACTION_ABOUT =
		1
		<< 2, /* its words are another command line: `plan pre-migrate run --keep-links` */
	ACTION_LONG = 1 << 4,	/* long work: the site's hooks and metrics go with it */
	ACTION_INFORMS = 1 << 3 /* answers in every general.mode: help, version, configuration */
};
struct action {
	const char *name; /* NULL for a command without actions */
	const char *summary;
	const char *example;  /* shown first by --help: "plmaint pre-migrate run --dry-run" */
	const char *explain;  /* paragraphs */
	const char *operands; /* "LABEL" for the usage line, or NULL: then words are refused */
	const struct opt *options;
	size_t options_size;
	unsigned needs, flags;
	bool (*validate)(const void *options, struct err *err);
	/* Looks at this host before the first step, or before a plan of it, and fills members of
	 * the options that are no words of the command line: `when` and `bind` go by them.  May be
	 * NULL.
	 */
	bool (*prepare)(const struct session *s, void *options, struct err *err);
	/* Whether the options ask for a process of its own in the background; NULL: never. */
	bool (*background)(const void *options);
	/* Whether the options ask for what writes; NULL: as flags and scenario say. */
	bool (*writes)(const void *options);
	/* Whether a pause of the pre-migration holds it up; *joins: it says in the ledger that it
	 * is at work.  NULL: no. */
	bool (*heeds)(const void *options, bool *joins);
	/* Whether the options ask to answer as a monitoring plugin, with its exit statuses; NULL:
	 * never. */
	bool (*plugin)(const void *options);
	const struct step *scenario; /* one of scenario and answer */
	/* Prints an answer; *exit_status is 0 on entry. */
	bool (*answer)(struct session *s, const void *options, int *exit_status, struct err *err);
};
struct command {
	const char *name, *summary, *explain;
	const struct action *actions; /* ends with summary NULL; a command without actions has one
					 with name NULL */
};

/* A word of foreman-maintain that has no counterpart here, and what to do instead. */
struct foreign_command {
	const char *name;    /* NULL ends the table */
	const char *instead; /* a sentence with a stop */
};

/* The whole catalogue, built by bin/catalogue.c; every array ends with NULL, in the order shown to
 * users. */
struct catalogue {
	const struct check *const *checks;
	const struct procedure *const *procedures;
	const struct command *const *commands;
	const struct foreign_command *foreign;
	const struct opt *globals; /* options that every command takes */
};
const struct check *catalogue_check(const struct catalogue *c, const char *label);
const struct procedure *catalogue_procedure(const struct catalogue *c, const char *label);
const struct command *catalogue_command(const struct catalogue *c, const char *name);
