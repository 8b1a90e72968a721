/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the phases over manifests are thought to cost, and what comes after them in the same run. */
#pragma once
#include "procedures/manifest_job.h"

enum { MANIFEST_AHEAD = 8 };
/* Busy seconds that rows of so many bytes usually take. */
double manifest_forecast_usual(enum pending_kind kind, double rows, double bytes);
/* Reads what rows cost on this host before. */
void manifest_forecast_recall(struct manifest_job *j);
/* The fields of the phase that the forecast reads; pending is its condition. */
void manifest_forecast_phase(const struct manifest_job *j, enum pending_kind kind,
			     const char *pending, struct batch_phase *ret);
/* What follows the job of these phases; returns how many. */
int manifest_forecast_ahead(const struct manifest_job *j, enum pending_kind last,
			    struct batch_ahead ret[MANIFEST_AHEAD]);
