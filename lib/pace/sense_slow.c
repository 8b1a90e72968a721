/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An answer that does not come grows old, and the controller takes what is old for unknown.  What
 * an operator named to stop the work is asked first, and before any work: a small run may be over
 * before the second question. */
#include "lib/pace/sense_slow.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/http.h"
#include "lib/drivers/process.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const double timeout = 2;  /* seconds that one of them may take */
static const double slice = 0.05; /* seconds between looks whether it is time */
static const double aftermath =
	0.15; /* of a look in which what we left behind may still be there */
/* A request of ours to Pulp costs it as much as a user's: on a small host one a second is more than
 * the work that it is to guard.  So each is followed by so many times its own time without one, in
 * seconds at least and at most; after a failure by the least. */
static const double spare = 100, least_spare = 1, most_spare = 5;
enum { MOST_WORDS = 32, MOST_ANSWER = 65536 };
static const enum signal mine[] = { SIGNAL_REDIS, SIGNAL_STATUS, SIGNAL_CONTENT, SIGNAL_URL,
				    SIGNAL_COMMAND };

struct sense_slow {
	struct sense_options o;
	struct redis *redis;
	bool looked;		   /* in the look of now */
	double due[REQUEST_KINDS]; /* when Pulp is asked again */
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	bool quit, asked_named;
	struct signals seen;	     /* its probes: those that nobody has taken yet */
	double ended[REQUEST_KINDS]; /* when our last request of a kind did; INFINITY: not yet */
};

static void tell(struct sense_slow *s, enum signal id, double value)
{
	pthread_mutex_lock(&s->lock);
	s->seen.of[id] = (struct signal_value){ isnan(value) ? SIGNAL_UNKNOWN : SIGNAL_KNOWN, value,
						clock_monotonic() };
	pthread_mutex_unlock(&s->lock);
}

/* Milliseconds of a PING. */
static double ask_redis(struct sense_slow *s)
{
	double began = clock_monotonic();
	struct err err;

	if (!s->redis && !redis_connect(&s->o.redis, &s->redis, &err))
		return NAN;
	if (redis_ping(s->redis, &err))
		return (clock_monotonic() - began) * 1000;
	redis_close(s->redis);
	s->redis = NULL;
	return NAN;
}

static long ask_url(const char *url)
{
	const struct http_options o = { .timeout = timeout, .max_body = MOST_ANSWER };
	AUTO_STRBUF struct strbuf body = { 0 };
	struct err err;
	long status;

	return http_get(url, &o, &body, &status, &err) ? status : 0;
}

/* The command's status: 0 go on, else stop; NaN when it could not be asked. */
static double ask_command(const char *command)
{
	AUTO_FREE char *text = xstrdup(command);
	AUTO_STRBUF struct strbuf out = { 0 };
	const char *argv[MOST_WORDS + 1] = { NULL };
	char *rest = NULL;
	struct err err;
	int status, n = 0;

	for (char *w = strtok_r(text, " \t", &rest); w && n < MOST_WORDS;
	     w = strtok_r(NULL, " \t", &rest))
		argv[n++] = w;
	const struct process_options o = { .argv = argv,
					   .timeout = timeout,
					   .max_output = MOST_ANSWER };
	if (n == 0 || !process_run(&o, &out, &status, &err))
		return NAN;
	return status != 0;
}

static void set_ended(struct sense_slow *s, enum request kind, double at)
{
	pthread_mutex_lock(&s->lock);
	s->ended[kind] = at;
	pthread_mutex_unlock(&s->lock);
}

/* A request as a user makes it, where it is time for one or nobody works: how often it has failed
 * now, and what it took. */
static double ask_pulp(struct sense_slow *s, enum request kind, const char *url, double failed)
{
	double began = clock_monotonic();
	bool met = s->o.met(s->o.met_arg, began);

	if (began < s->due[kind] && !s->looked)
		return failed;
	set_ended(s, kind, INFINITY);
	long status = ask_url(url);
	double ended = clock_monotonic();
	set_ended(s, kind, ended);
	s->due[kind] = ended + least_spare;
	if (status == 0 || status >= 500)
		return failed + 1;
	s->due[kind] = ended + fmin(fmax(spare * (ended - began), least_spare), most_spare);
	met |= s->o.met(s->o.met_arg, began);
	pthread_mutex_lock(&s->lock);
	if (s->seen.probes < MOST_PROBES)
		s->seen.probe[s->seen.probes++] = (struct latency){ ended - began, kind, met };
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static bool wait_for(struct sense_slow *s, double seconds)
{
	struct timespec until = clock_after(seconds);

	pthread_mutex_lock(&s->lock);
	while (!s->quit && pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
		continue;
	bool quit = s->quit;
	pthread_mutex_unlock(&s->lock);
	return !quit;
}

/* A second; a look, which is shorter and rarer, is not missed. */
static bool stay(struct sense_slow *s)
{
	double until = clock_monotonic() + 1;

	while (clock_monotonic() < until) {
		bool away = s->o.away && s->o.away(s->o.met_arg), begins = away && !s->looked;
		s->looked = away;
		if (begins)
			return wait_for(s, aftermath);
		if (!wait_for(s, slice))
			return false;
	}
	return true;
}

static void set_asked_named(struct sense_slow *s)
{
	pthread_mutex_lock(&s->lock);
	s->asked_named = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void wait_for_named(struct sense_slow *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->asked_named)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void *ask_all(void *arg)
{
	struct sense_slow *s = arg;
	double status = 0, content = 0; /* failures in a row */

	do {
		if (s->o.url)
			tell(s, SIGNAL_URL, ask_url(s->o.url) != 200);
		if (s->o.command)
			tell(s, SIGNAL_COMMAND, ask_command(s->o.command));
		set_asked_named(s);
		if (s->o.redis.url)
			tell(s, SIGNAL_REDIS, ask_redis(s));
		if (s->o.status_url) {
			status = ask_pulp(s, REQUEST_STATUS, s->o.status_url, status);
			tell(s, SIGNAL_STATUS, status);
		}
		if (s->o.content_url) {
			content = ask_pulp(s, REQUEST_CONTENT, s->o.content_url, content);
			tell(s, SIGNAL_CONTENT, content);
		}
	} while (stay(s));
	return NULL;
}

struct sense_slow *sense_slow_start(const struct sense_options *o)
{
	if (!o->redis.url && !o->status_url && !o->content_url && !o->url && !o->command)
		return NULL;
	struct sense_slow *s = xcalloc(1, sizeof(*s));
	s->o = *o;
	s->o.redis.timeout_ms = (int)(timeout * 1000);
	pthread_mutex_init(&s->lock, NULL);
	clock_cond_init(&s->changed);
	const char *const asked[] = { o->redis.url, o->status_url, o->content_url, o->url,
				      o->command };
	for (size_t i = 0; i < ARRAY_LEN(mine); i++) {
		if (asked[i])
			s->seen.of[mine[i]].state = SIGNAL_UNKNOWN;
	}
	if (pthread_create(&s->thread, NULL, ask_all, s) == 0) {
		wait_for_named(s);
		return s;
	}
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
	return NULL;
}

void sense_slow_stop(struct sense_slow *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->quit = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	redis_close(s->redis);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
}

void sense_slow_take(struct sense_slow *s, struct signals *out)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < ARRAY_LEN(mine); i++) {
		if (s->seen.of[mine[i]].state != SIGNAL_ABSENT)
			out->of[mine[i]] = s->seen.of[mine[i]];
	}
	for (size_t i = 0; i < s->seen.probes && out->probes < MOST_PROBES; i++)
		out->probe[out->probes++] = s->seen.probe[i];
	s->seen.probes = 0;
	pthread_mutex_unlock(&s->lock);
}

int sense_slow_requests(struct sense_slow *s, double since, bool *now)
{
	int n = 0;

	*now = false;
	if (!s)
		return 0;
	pthread_mutex_lock(&s->lock);
	for (size_t k = 0; k < REQUEST_KINDS; k++) {
		n += s->ended[k] >= since;
		*now |= isinf(s->ended[k]);
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}
