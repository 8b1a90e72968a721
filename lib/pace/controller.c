/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three bounds, of which the lowest is the duty: hard limits (stop, and go on only after a calm
 * while), soft limits (in proportion, so that nothing tips over), and latency.  Nothing here calls
 * exp() or log(): their last bit is another on another machine, and a trace must replay.
 */
#include "lib/pace/controller.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { OWN = 1, AT_ONCE = 2, MILD = 4, BUDGET = 8 };
enum unit { MS, SECONDS, BYTES, COUNT, SHARE };
static const struct {
	const char *name;
	double soft, hard;
	enum unit unit;
	unsigned flags;
	const char *words;
} table[] = {
#define SIGNAL(id, name, soft, hard, unit, flags, words) { name, soft, hard, unit, flags, words },
#include "lib/pace/signals.def"
#undef SIGNAL
};

const char *const profile_names[] = { "gentle", "default", "fast", "finalize", NULL };
static const struct {
	double ratio, floor; /* latency with us: at most ratio x, or + floor seconds */
	double batch, quick; /* seconds of a batch; while requests are fast */
} profiles[] = {
	[PROFILE_GENTLE] = { 1.05, 0.001, 0.005, 0.005 },
	[PROFILE_DEFAULT] = { 1.10, 0.002, 0.015, 0.005 },
	[PROFILE_FAST] = { 1.50, 0.002, 0.015, 0.015 },
	[PROFILE_FINALIZE] = { 1.50, 0.002, 0.05, 0.05 },
};

static const double least_duty = 0.02;
static const double unseen_duty = 0.25;	   /* with a signal that cannot be seen */
static const double stale = 3;		   /* seconds after which a value is no longer known */
static const double longest_step = 5;	   /* seconds: a jump of the clock is no passing of time */
static const double long_rest = 300;	   /* seconds without a step */
static const double idle_batch = 0.05;	   /* seconds of a batch while nobody else works */
static const double fast_requests = 0.010; /* seconds of their 99th percentile */
const double usual_calm = 10;
/* How many times longer it waits after many halts; while what halted it cannot be seen. */
static const double calm_again = 3, calm_unseen = 6;
static const double most_calm = 3600; /* seconds */
/* Of the seconds that requests may take more in any case: who yields comes near them from below in
 * large strides, and what it sees of them is a sample. */
static const double yields_aim = 0.8;
static const double halts_within = 600;
static const double first_sleep = 300, longest_sleep = 3600; /* seconds of hibernation */
/* Share of looks at which others work: idle below for idle_after seconds, busy above. */
static const double idle_level = 0.3, busy_level = 0.6, idle_after = 3;

const char *signal_name(enum signal s)
{
	return table[s].name;
}

static double clamp(double x, double low, double high)
{
	return !(x > low) ? low : x > high ? high : x; /* NaN is low */
}

/* -- signals ---------------------------------------------------------------------------------- */

static bool seen(const struct controller *c, const struct signals *s, size_t i)
{
	return s->of[i].state == SIGNAL_KNOWN && isfinite(s->of[i].value) &&
	       fabs(c->clock - s->of[i].at) <= stale;
}

static bool ignored(const struct controller *c, const struct signals *s, size_t i)
{
	/* Who waits for the processor is us, then. */
	bool ours = s->yields && i == SIGNAL_CPU;

	return ours || s->of[i].state == SIGNAL_ABSENT || (c->idle && (table[i].flags & OWN));
}

struct limits {
	double soft, hard;
};

static struct limits limits_of(const struct signals *s, size_t i)
{
	if (i == SIGNAL_LAG_TIME && s->max_lag > 0)
		return (struct limits){ s->max_lag, 10 * s->max_lag };
	return (struct limits){ table[i].soft, table[i].hard };
}

struct bound {
	double duty;
	enum slow reason;
	enum signal signal;
	double value, limit;
};

static void lower(struct bound *b, double duty, enum slow reason, enum signal signal, double value,
		  double limit)
{
	if (duty < b->duty)
		*b = (struct bound){ duty, reason, signal, value, limit };
}

static void bound_by_signals(const struct controller *c, const struct signals *s, struct bound *b)
{
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		enum signal id = (enum signal)i;
		if (ignored(c, s, i) || table[i].flags & BUDGET)
			continue;
		if (!seen(c, s, i)) {
			lower(b, unseen_duty, SLOW_UNKNOWN, id, 0, 0);
			continue;
		}
		double x = s->of[i].value;
		struct limits l = limits_of(s, i);
		double u = clamp((x - l.soft) / (l.hard - l.soft), 0, 1);
		double least = table[i].flags & MILD ? unseen_duty : 0;
		lower(b, 1 - u * (1 - least), SLOW_SIGNAL, id, x, l.soft);
	}
}

/* What was used of the budget is taken to have been used by us: the next second gets as much duty
 * as would have used all of it. */
static void bound_by_budget(struct controller *c, const struct signals *s, struct bound *b)
{
	const struct signal_value *v = &s->of[SIGNAL_WAL];

	if (v->state == SIGNAL_ABSENT) {
		c->budget = 1;
		return;
	}
	if (!seen(c, s, SIGNAL_WAL)) {
		lower(b, unseen_duty, SLOW_UNKNOWN, SIGNAL_WAL, 0, 0);
		return;
	}
	if (v->at != c->budget_at && c->now.duty > 0) {
		double fits = c->now.duty / fmax(v->value, 1e-6);
		c->budget = clamp(clamp(fits, 0.1 * c->budget, 1.25 * c->budget), least_duty, 1);
	}
	c->budget_at = v->at;
	lower(b, c->budget, SLOW_SIGNAL, SIGNAL_WAL, v->value, table[SIGNAL_WAL].soft);
}

/* Which signal stops the work now, or SIGNAL_COUNT. */
static enum signal too_much(struct controller *c, const struct signals *s)
{
	enum signal worst = SIGNAL_COUNT;

	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		if (ignored(c, s, i) || !seen(c, s, i) || (table[i].flags & MILD) ||
		    s->of[i].value < limits_of(s, i).hard) {
			c->over[i] = 0;
			continue;
		}
		if (c->over[i] == 0 || s->of[i].at != c->sampled[i])
			c->over[i]++;
		c->sampled[i] = s->of[i].at;
		if (worst == SIGNAL_COUNT && c->over[i] >= (table[i].flags & AT_ONCE ? 1U : 2U))
			worst = (enum signal)i;
	}
	return worst;
}

/* Whether nothing is near a hard limit; *blind: a signal that halted us cannot be seen. */
static bool all_calm(const struct controller *c, const struct signals *s, bool *blind)
{
	*blind = !ignored(c, s, c->halted_by) && !seen(c, s, c->halted_by);
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		struct limits l = limits_of(s, i);
		if (!ignored(c, s, i) && seen(c, s, i) && !(table[i].flags & MILD) &&
		    s->of[i].value > fmax(0.7 * l.hard, l.soft))
			return false;
	}
	return true;
}

static void halt(struct controller *c, enum signal by)
{
	c->halted = true;
	c->halted_by = by;
	c->calm_since = c->t;
	if (c->halts > 0 && c->t - c->halted_at[(c->halts - 1) % 4] > longest_sleep)
		c->hibernate = 0;
	c->halted_at[c->halts++ % 4] = c->t;
	/* The fourth within ten minutes: it does not pass, so it is left alone for a while. */
	if (c->halts >= 4 && c->t - c->halted_at[c->halts % 4] <= halts_within) {
		c->hibernate = clamp(c->hibernate * 2, first_sleep, longest_sleep);
		c->hibernate_until = c->t + c->hibernate;
	}
}

static bool halted(struct controller *c, const struct signals *s)
{
	enum signal by = too_much(c, s);
	bool blind;

	if (!c->halted && by != SIGNAL_COUNT)
		halt(c, by);
	else if (c->halted && by != SIGNAL_COUNT)
		c->halted_by = by;
	if (!c->halted)
		return false;
	if (!all_calm(c, s, &blind)) {
		c->calm_since = c->t;
		return true;
	}
	double wait = clamp(s->calm, 0, most_calm);
	wait *= blind ? calm_unseen : c->halts > 3 ? calm_again : 1;
	if (c->t >= c->hibernate_until && c->t - c->calm_since >= wait) {
		c->halted = false;
		c->seek.loop = fmin(c->seek.loop, c->seek.loaded);
	}
	return c->halted;
}

/* -- the whole -------------------------------------------------------------------------------- */

/* Others work: at once when many do, after some looks when one does now and then; a heartbeat every
 * second is nobody.  The first look is believed: most runs begin where nobody is at work, and who
 * comes then is noticed as at any other time. */
static void watch_others(struct controller *c, const struct signals *s, double dt)
{
	bool was = c->idle;
	double weight = clamp(dt / 0.8, 0, 1);

	if (!c->looked && s->busy == BUSY_NO) {
		c->busy = 0;
		c->busy_since = -idle_after;
	}
	c->looked = true;

	if (s->busy == BUSY_UNKNOWN)
		c->busy = 1;
	else
		c->busy += weight * ((s->busy != BUSY_NO) - c->busy);
	if (s->busy == BUSY_VERY)
		c->busy = 1;
	if (c->busy > idle_level)
		c->busy_since = c->t;
	c->idle = c->idle ? c->busy < busy_level : c->t - c->busy_since >= idle_after;
	if (c->idle && !was)
		c->seek.loaded = c->seek.loop;
	if (!c->idle && was)
		seek_again(&c->seek, c->t);
}

void controller_start(struct controller *c)
{
	memset(c, 0, sizeof(*c));
	seek_start(&c->seek);
	c->budget = 1;
	/* When the first look saw somebody: known to be idle after a second without anybody. */
	c->busy = idle_level;
	c->busy_since = 1 - idle_after;
	c->now = (struct decision){ .duty = c->seek.loop,
				    .target = profiles[PROFILE_DEFAULT].quick,
				    .reason = SLOW_SEEKING };
}

/* What was too much for one profile may be right for another. */
static void take_profile(struct controller *c, enum profile wanted)
{
	if (wanted > PROFILE_FINALIZE || wanted == c->profile)
		return;
	c->profile = wanted;
	seek_forget(&c->seek);
}

static double pass_time(struct controller *c, double now)
{
	double dt = c->begun && isfinite(now) ? clamp(now - c->clock, 0, longest_step) : 0;

	/* Others may fare otherwise by now. */
	if (c->begun && now - c->clock > long_rest)
		seek_start(&c->seek);

	if (isfinite(now)) {
		c->clock = now;
		c->begun = true;
	}
	c->t += dt;
	double lost = dt * (1 - c->now.duty);
	c->lost[c->now.away ? SLOW_SEEKING : c->now.reason] += c->now.away ? dt : lost;
	if (c->now.away)
		return dt;
	enum signal id = c->now.signal;
	if (c->now.reason == SLOW_UNKNOWN)
		c->lost_unseen[id] += lost;
	if (c->now.reason > SLOW_UNKNOWN) {
		c->lost_to[id] += lost;
		c->worst[id] = fmax(c->worst[id], c->now.value);
	}
	return dt;
}

void controller_step(struct controller *c, const struct signals *s, double now)
{
	double dt = pass_time(c, now);
	double most = clamp(s->max_duty, least_duty, 1), was = c->now.duty;
	const struct goal goal = { profiles[c->profile].ratio,
				   profiles[c->profile].floor * (s->yields ? yields_aim : 1) };
	struct bound b = { .duty = 1, .reason = SLOW_NONE };

	take_profile(c, s->profile);
	seek_take(&c->seek, s->probe, s->probes < MOST_PROBES ? s->probes : MOST_PROBES, was, c->t,
		  dt, goal);
	watch_others(c, s, dt);
	lower(&b, most, SLOW_USER, 0, most, 0);
	if (c->profile != PROFILE_FINALIZE)
		bound_by_signals(c, s, &b);
	bound_by_budget(c, s, &b);
	bool seeks = !c->idle && c->profile != PROFILE_FINALIZE;
	if (seeks) {
		seek_step(&c->seek, c->t, fmin(b.duty, 1), s->yields);
		const struct felt *f = &c->seek.felt[c->seek.tightest];
		bool known = f->limit > 0 && (c->seek.bad < 2 || c->seek.modelled);
		lower(&b, c->seek.loop, known ? SLOW_LATENCY : SLOW_SEEKING, 0, felt_seen(f),
		      f->limit);
	}
	if (halted(c, s))
		b = (struct bound){ 0, SLOW_HALT, c->halted_by, s->of[c->halted_by].value,
				    limits_of(s, c->halted_by).hard };
	const struct felt *sql = &c->seek.felt[REQUEST_SQL];
	/* Where others get the processor in the midst of a batch a short one spares them nothing.
	 */
	bool quick = !s->yields && (sql->limit <= 0 || sql->seen < fast_requests);
	c->now = (struct decision){
		.duty = b.reason == SLOW_HALT ? 0 : clamp(b.duty, least_duty, 1),
		.target = c->idle ? idle_batch
			  : quick ? profiles[c->profile].quick
				  : profiles[c->profile].batch,
		.reason = b.reason,
		.signal = b.signal,
		.value = b.value,
		.limit = b.limit,
		.request = c->seek.tightest,
		.away = seeks && c->seek.away && b.reason != SLOW_HALT,
	};
}

void controller_forget_lost(struct controller *c)
{
	memset(c->lost, 0, sizeof(c->lost));
	memset(c->lost_to, 0, sizeof(c->lost_to));
	memset(c->worst, 0, sizeof(c->worst));
	memset(c->lost_unseen, 0, sizeof(c->lost_unseen));
}

bool decision_considers(const struct decision *d)
{
	bool budget = d->reason >= SLOW_UNKNOWN && table[d->signal].flags & BUDGET;

	return d->reason >= SLOW_SEEKING && d->reason < SLOW_HALT && !budget;
}

bool controller_hibernates(const struct controller *c)
{
	return c->halted && c->t < c->hibernate_until;
}

static void value_in_words(enum unit unit, double x, char *out, size_t size)
{
	switch (unit) {
	case MS:
		snprintf(out, size, "%.0f ms", x);
		return;
	case SECONDS:
		snprintf(out, size, x < 9.95 ? "%.1f s" : "%.0f s", x);
		return;
	case BYTES:
		snprintf(out, size, x < 1e9 ? "%.0f MB" : "%.1f GB", x < 1e9 ? x / 1e6 : x / 1e9);
		return;
	case COUNT:
		snprintf(out, size, "%.0f", x);
		return;
	case SHARE:
		snprintf(out, size, x < 0.0995 ? "%.1f %%" : "%.0f %%", x * 100);
		return;
	}
}

static const char *unseen_words(enum signal s)
{
	static char const *const hints[SIGNAL_COUNT] = {
		[SIGNAL_LAG_TIME] =
			"how far standbys are behind may not be seen (GRANT pg_monitor)",
		[SIGNAL_LAG_BYTES] =
			"how far standbys are behind may not be seen (GRANT pg_monitor)",
		[SIGNAL_ARCHIVE] = "no WAL segment has been archived yet",
		[SIGNAL_REDIS] = "Redis does not answer",
		[SIGNAL_STATUS] = "Pulp's status is not known yet",
		[SIGNAL_CONTENT] = "whether Pulp serves content is not known yet",
		[SIGNAL_ACCESS_LOG] =
			"throttle.access_log cannot be read, or its lines end with no time",
		[SIGNAL_QUERY] = "throttle.query has no answer",
		[SIGNAL_URL] = "throttle.url does not answer",
		[SIGNAL_COMMAND] = "throttle.command does not end in time",
	};

	return hints[s] ? hints[s] : "PostgreSQL does not say how it fares";
}

static const char *const requests[] = {
	[REQUEST_SQL] = "requests",
	[REQUEST_STATUS] = "answers of Pulp's status",
	[REQUEST_CONTENT] = "answers of Pulp's content",
	[REQUEST_LOGGED] = "requests in throttle.access_log",
};

void decision_in_words(const struct decision *d, char *out, size_t size)
{
	char value[32];

	out[0] = '\0';
	switch (d->reason) {
	case SLOW_NONE:
	case SLOW_COUNT:
		return;
	case SLOW_USER:
		snprintf(out, size, "as fast as it may be");
		return;
	case SLOW_SEEKING:
		snprintf(out, size, "others are at work: it finds out how fast it may be");
		return;
	case SLOW_LATENCY:
		if (d->request == REQUEST_SESSIONS)
			snprintf(out, size,
				 "others would have more than %.0f %% of their sessions taken",
				 d->limit * 100);
		else
			snprintf(out, size, "%s would take longer than the %.1f ms that they may",
				 requests[d->request], d->limit * 1000);
		return;
	case SLOW_UNKNOWN:
		snprintf(out, size, "%s", unseen_words(d->signal));
		return;
	case SLOW_SIGNAL:
	case SLOW_HALT:
		value_in_words(table[d->signal].unit, d->value, value, sizeof(value));
		/* The table's words take one text, or none. */
		const char *at = strstr(table[d->signal].words, "%s");
		if (at)
			snprintf(out, size, "%.*s%s%s", (int)(at - table[d->signal].words),
				 table[d->signal].words, value, at + 2);
		else
			snprintf(out, size, "%s", table[d->signal].words);
		return;
	}
}

/* -- batches ---------------------------------------------------------------------------------- */

void batch_size_update(struct batch_size *b, size_t rows, double seconds, double target, int most)
{
	double now = b->rows > 0 ? b->rows : (double)rows;

	if (rows == 0 || !(seconds > 0) || !isfinite(seconds))
		return;
	b->n = 0.75 * b->n + (double)rows;
	b->t = 0.75 * b->t + seconds;
	double wanted = target * b->n / b->t;
	b->rows = clamp(clamp(wanted, 0.5 * now, fmax(1.25 * now, now + 1)), 1, most);
}

void batch_size_halve(struct batch_size *b)
{
	b->rows = fmax(1, b->rows / 2);
}
