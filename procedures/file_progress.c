/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "procedures/file_progress.h"

#include "lib/core/clock.h"
#include "lib/core/event.h"
#include "lib/pace/wall.h"

#include <math.h>

static const double told_every = 0.5;	  /* seconds */
static const double unit_bytes = 1 << 20; /* what costs as much as opening a file, about */
static const double unit_seconds = 1e-4;  /* what that is thought to be before it is seen */

static double units(int64_t files, int64_t bytes)
{
	return (double)files + (double)bytes / unit_bytes;
}

void file_progress_begin(struct file_progress *p, double workers)
{
	p->told = clock_monotonic();
	p->told_files = p->told_bytes = 0;
	eta_start(&p->eta, workers);
	(void)eta_add(&p->eta, units(p->files, p->bytes),
		      (struct eta_guess){ .each = unit_seconds, .doubt = 1 },
		      (struct eta_firsts){ 0 });
}

/* Where nothing slows it, one worker is busy all the time. */
static void look(struct file_progress *p, double since, struct stints_state *s)
{
	if (p->stints)
		stints_look(p->stints, s);
	else
		*s = (struct stints_state){
			.duty = 1, .busy = since, .stints = 1, .felt = NAN, .felt_limit = NAN
		};
}

void file_progress_tell(struct file_progress *p, int64_t files, int64_t bytes)
{
	double now = clock_monotonic(), since = now - p->told;
	AUTO_STINTS_STATE struct stints_state s = { .duty = 1 };
	double wall = clock_wall();
	char end[64] = "";

	if (since < told_every)
		return;
	look(p, since, &s);
	double did = units(files - p->told_files, bytes - p->told_bytes);
	double byte_rate = (double)(bytes - p->told_bytes) / since;
	eta_pass(&p->eta, &(struct eta_step){ .part = 0,
					      .seconds = since,
					      .units = did,
					      .own = did,
					      .busy = s.busy,
					      .batches = (int)s.stints });
	struct eta_range left = { NAN, NAN, NAN }; /* of what is not known in all there is no end */
	if (p->files + p->bytes > 0)
		left = eta_show(&p->eta, eta_left(&p->eta, 1), now, s.state);
	if (isfinite(left.p50))
		wall_in_words(wall + left.p50, wall, end, sizeof(end));
	struct field fields[] = {
		F_TEXT("label", p->label),
		F_TEXT("phase", p->phase),
		F_TEXT("unit", p->of_bytes ? "bytes" : "files"),
		F_INT("done", p->of_bytes ? bytes : files),
		F_INT("total", p->of_bytes ? p->bytes : p->files),
		F_REAL("rate", p->of_bytes ? byte_rate : (double)(files - p->told_files) / since),
		F_INT("bytes", bytes),
		F_INT("bytes_total", p->bytes),
		F_REAL("byte_rate", byte_rate),
		F_REAL("duty", s.duty),
		F_REAL("felt", s.felt),
		F_REAL("felt_limit", s.felt_limit),
		F_TEXT("lost", s.lost.data),
		{ .key = "lost_by", .kind = FIELD_MAP, .v.map = s.lost_by },
		*s.reason ? (struct field)F_TEXT("reason", s.reason)
			  : (struct field)F_NULL("reason"),
		{ .key = "eta", .kind = FIELD_RANGE, .v.range = { left.p10, left.p50, left.p90 } },
		F_TEXT("end", *end ? end : NULL),
		F_END
	};
	p->told = now;
	p->told_files = files;
	p->told_bytes = bytes;
	emit(p->reporter, "progress", fields);
}
