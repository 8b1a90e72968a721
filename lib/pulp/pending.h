/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is still to do, in Pulp's own tables: the one place that needed(), plans, verify, checks and
 * the upgrade gate share. A manifest is pending (no data), filled (data stored, link still there)
 * or done (no link).
 */
#pragma once
#include "lib/core/strbuf.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/schema.h"

enum pending_kind {
	PENDING_LOST, /* neither data nor a linked artifact, but an artifact with the manifest's
			 sha256 exists */
	PENDING_LOST_IMAGES,
	PENDING_LOST_LISTS,
	PENDING_IMAGES, /* all that are not lists */
	PENDING_LISTS,	/* manifest lists and indexes; they inherit from their children */
	PENDING_DETACH	/* data stored, link still there */
};
struct pending_options {
	bool refill;	    /* also rows that Pulp's own command never selects (see README) */
	bool without_lost;  /* not what recovery would bring back: a dry run of the fill comes after
			       one */
	bool without_links; /* detach is not asked for and stays 0: that joins two whole tables */
	const char *repository_id; /* uuid text checked by uuid_parse, or NULL */
	const char *except;	   /* table of verdicts to leave out ("plmaint.verdict"), or NULL */
};
/* "SELECT m.content_ptr_id AS key FROM container_manifest m WHERE ..."; caller frees. */
char *pending_select(const struct pulp_schema *s, enum pending_kind kind,
		     const struct pending_options *o);
/* The condition alone, on alias m. */
char *pending_where(const struct pulp_schema *s, enum pending_kind kind,
		    const struct pending_options *o);

struct pending_counts {
	int64_t lost, images, lists, detach;
	int64_t without_data; /* rows that a Pulp without backward reading cannot serve, whatever
				 the ledger says of them */
	int64_t list_type;    /* lists with data whose type is empty: never selected by Pulp's own
				 command; filled by --refill */
	int64_t labels;	      /* images with data and a configuration but no labels, and no verdict:
				 --refill looks whether the configuration has any */
	int64_t manifests;
};
bool pending_count(struct pg *db, const struct pulp_schema *s, const struct pending_options *o,
		   struct pending_counts *ret, struct err *err) MUST_CHECK;
/*
 * Schema and counts as the steps of one run share them: counted once, and again after somebody
 * wrote (memo_forget).  One scan of 100,000 manifests costs more than all else of a second run.
 */
bool pending_known(const struct probe *p, bool assume_schema, const struct pending_options *o,
		   struct pulp_schema *schema, struct pending_counts *ret,
		   struct err *err) MUST_CHECK;
/* What was counted last, when nobody wrote since; else *ret stays. */
void pending_recall(const struct probe *p, struct pending_counts *ret);
/* Whether it is known already that every manifest has its data. */
bool pending_all_have_data(const struct probe *p);
/* Of these, whether links are to be dropped; *ret: how many, or -1 when the counts are not known
 * and counting would only delay who drops them. */
bool pending_links_known(const struct probe *p, bool assume_schema, const struct pending_options *o,
			 struct pulp_schema *schema, bool *any, int64_t *ret,
			 struct err *err) MUST_CHECK;
