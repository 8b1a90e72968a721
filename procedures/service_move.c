/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stopping and starting, a priority at a time.  What is to be stopped is remembered before the
 * first of it is; it is forgotten once it runs again.  Whoever is killed in between, the next start
 * finds all of it.
 */
#include "procedures/service_set.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/host/remembered.h"
#include "lib/pulp/settings_kept.h"

#include <string.h>

static const double poll_seconds = 0.2;

static const char *state_dir(const struct actor *a)
{
	return config_get(a->look->config, "general.state_dir");
}

static bool is_unit(const struct service *s)
{
	return s->kind == SERVICE_UNIT;
}

static bool is_down(const struct service *s)
{
	return strcmp(s->unit.active, "inactive") == 0 || strcmp(s->unit.active, "failed") == 0;
}

static bool is_up(const struct service *s)
{
	return strcmp(s->unit.active, "active") == 0;
}

static bool is_gone(const struct service *s)
{
	return strcmp(s->unit.load, "not-found") == 0;
}

/* "failed (exit-code)", "deactivating (stop-sigterm)" */
static void in_words(const struct service *s, char *out, size_t size)
{
	bool failed = strcmp(s->unit.active, "failed") == 0;

	(void)snprintf(out, size, "%s is %s (%s)", s->name, s->unit.active,
		       failed ? s->unit.result : s->unit.sub);
}

/* The units of one priority beginning at *i that are among names, and the next *i. */
static void take_group(const struct services *all, bool rising, size_t *i,
		       const struct names *names, struct names *ret)
{
	size_t first = *i;

	for (; *i < all->n; (*i)++) {
		const struct service *s = &all->all[rising ? *i : all->n - 1 - *i];

		if (s->priority != all->all[rising ? first : all->n - 1 - first].priority)
			break;
		if (is_unit(s) && names_has(names, s->name))
			names_add(ret, s->name);
	}
}

/* Sockets before what they start: one that is asked for meanwhile would start it again, and none
 * starts after its service. */
static void sockets_first(const struct names *group, struct names *ret)
{
	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < group->n; i++)
			if ((strstr(group->all[i], ".socket") != NULL) == (turn == 0))
				names_add(ret, group->all[i]);
}

static bool job_timeout(const struct actor *a, double *ret, struct err *err)
{
	return config_seconds(a->look->config, "services.timeout", ret, err);
}

/* False: some of the group did not get there; they are examples of the outcome. */
static bool group_is(const struct services *all, const struct names *group,
		     bool (*there)(const struct service *s), struct outcome *out, char *first,
		     size_t size)
{
	bool ok = true;
	char words[160];

	for (size_t i = 0; i < all->n; i++) {
		const struct service *s = &all->all[i];

		if (!names_has(group, s->name) || there(s))
			continue;
		in_words(s, words, sizeof(words));
		outcome_example(out, "%s", words);
		if (!*first)
			(void)snprintf(first, size, "%s", words);
		ok = false;
	}
	return ok;
}

static void hint_at(struct outcome *out, const char *words)
{
	int len = (int)strcspn(words, " ");

	outcome_hint(out,
		     "`systemctl status %.*s` and `journalctl -u %.*s` tell why; `plmaint service "
		     "start` starts what was stopped.",
		     len, words, len, words);
}

/* Adds to what is remembered, durably. */
static bool remember(const struct actor *a, const struct services *all, struct err *err)
{
	AUTO_NAMES struct names names = { .n = 0 };
	size_t before;

	if (!remembered_read(state_dir(a), &names, err))
		return false;
	before = names.n;
	for (size_t i = 0; i < all->n; i++)
		if (all->all[i].chosen && is_unit(&all->all[i]) && unit_runs(&all->all[i].unit))
			names_add(&names, all->all[i].name);
	return names.n == before || remembered_write(state_dir(a), &names, err);
}

static bool stop_groups(struct services *all, const struct names *names, double timeout,
			struct outcome *out, struct err *err)
{
	char first[160] = "";

	for (size_t i = 0; i < all->n;) {
		AUTO_NAMES struct names group = { .n = 0 }, order = { .n = 0 };
		AUTO_STRBUF struct strbuf said = { 0 };
		int status;

		take_group(all, false, &i, names, &group);
		if (!group.n)
			continue;
		if (stop_requested()) {
			(void)err_set(err, ERR_STOPPED, "stopped before %s", group.all[0]);
			return err_hint(err, "`plmaint service start` starts what was stopped.");
		}
		sockets_first(&group, &order);
		if (!units_do("stop", &order, timeout, &said, &status, err) &&
		    err->code != ERR_TIMEOUT)
			return false;
		if (!services_look(all, err))
			return false;
		/* What others need stays up under a service that would not stop. */
		if (!group_is(all, &group, is_down, out, first, sizeof(first))) {
			outcome_set(out, RESULT_FAILED, "%s, and not stopped", first);
			hint_at(out, first);
			return true;
		}
	}
	return true;
}

/* What else is to be said of a stop that went well. */
static void judge_stop(const struct service_set *s, const struct names *stopped,
		       struct outcome *out)
{
	char words[160];

	outcome_set(out, RESULT_OK, "%zu service(s) (was|were) stopped and (is|are) remembered",
		    stopped->n);
	for (size_t i = 0; i < s->services.n; i++) {
		const struct service *one = &s->services.all[i];

		if (!one->chosen)
			continue;
		if (one->kind == SERVICE_LOOSE) {
			outcome_set(out, RESULT_FAILED, "%s runs on in no unit of systemd",
				    one->name);
			outcome_hint(out, "End it with what has started it; `plmaint service "
					  "start` starts what was stopped.");
			return;
		}
		if (is_unit(one) && names_has(stopped, one->name) &&
		    strcmp(one->unit.active, "failed") == 0) {
			in_words(one, words, sizeof(words));
			outcome_set(out, RESULT_WARNING, "%s: it did not stop by itself", words);
			outcome_example(out, "%s", words);
		}
	}
}

bool service_set_stop(struct actor *a, struct service_set *s, struct outcome *out, struct err *err)
{
	AUTO_NAMES struct names names = { .n = 0 };
	double timeout;

	if (!job_timeout(a, &timeout, err) || !settings_keep(&s->place, err) ||
	    !remember(a, &s->services, err))
		return false;
	for (size_t i = 0; i < s->services.n; i++)
		if (s->services.all[i].chosen && is_unit(&s->services.all[i]) &&
		    !is_down(&s->services.all[i]))
			names_add(&names, s->services.all[i].name);
	if (!stop_groups(&s->services, &names, timeout, out, err))
		return false;
	if (out->result != RESULT_FAILED)
		judge_stop(s, &names, out);
	return true;
}

void service_set_wanted(const struct service_set *s, struct names *ret)
{
	bool any = false;

	for (size_t i = 0; i < s->services.n; i++)
		any |= s->services.all[i].remembered && !s->enabled_too;
	for (size_t i = 0; i < s->services.n; i++) {
		const struct service *one = &s->services.all[i];

		if (one->chosen && is_unit(one) &&
		    (one->remembered || (!any && service_enabled(one))))
			names_add(ret, one->name);
	}
}

/* Whether one of the group is of the feature. */
static bool group_has(const struct services *all, const struct names *group, const char *feature)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->all[i].feature, feature) == 0 && names_has(group, all->all[i].name))
			return true;
	return false;
}

static bool failed(const struct services *all, const struct names *group)
{
	for (size_t i = 0; i < all->n; i++)
		if (names_has(group, all->all[i].name) && is_down(&all->all[i]))
			return true;
	return false;
}

static bool group_answers(const struct actor *a, const struct service_set *s,
			  const struct names *group, char *why, size_t size)
{
	static const char *const features[] = { "redis", "postgresql", "pulp" };

	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		if (group_has(&s->services, group, features[i]) &&
		    service_set_answers(a->look, s, features[i], why, size) == RESULT_FINDING)
			return false;
	return true;
}

/* Until all of the group run and answer, one of them has failed, or the time is over. */
static bool await_group(const struct actor *a, struct service_set *s, const struct names *group,
			double deadline, struct outcome *out, char *first, size_t size,
			struct err *err)
{
	char why[256] = "";

	for (;;) {
		struct outcome nobody = { 0 };
		char where[160] = "";

		if (!services_look(&s->services, err))
			return false;

		bool up = group_is(&s->services, group, is_up, &nobody, where, sizeof(where));

		outcome_release(&nobody);
		if (up && group_answers(a, s, group, why, sizeof(why)))
			return true;
		if (failed(&s->services, group) || clock_monotonic() > deadline) {
			(void)group_is(&s->services, group, is_up, out, first, size);
			if (up) {
				outcome_example(out, "%s", why);
				if (!*first)
					(void)snprintf(first, size, "%s does not answer: %.200s",
						       group->all[0], why);
			}
			return true;
		}
		/* All are started also when nobody waits for them any more. */
		if (!stop_wait(poll_seconds))
			return true;
	}
}

/* systemd refuses to start what was started five times in ten seconds, and what failed that way
 * until somebody says so.  It knows nothing of units that are not loaded, which is as well. */
static bool clear_limits(const struct names *names, double timeout, struct err *err)
{
	AUTO_STRBUF struct strbuf said = { 0 };
	int status;

	return !names->n || units_do("reset-failed", names, timeout, &said, &status, err);
}

static bool start_groups(const struct actor *a, struct service_set *s, const struct names *names,
			 struct outcome *out, char *first, size_t size, struct err *err)
{
	double timeout;

	if (!job_timeout(a, &timeout, err) || !clear_limits(names, timeout, err))
		return false;
	for (size_t i = 0; i < s->services.n;) {
		AUTO_NAMES struct names group = { .n = 0 }, order = { .n = 0 };
		AUTO_STRBUF struct strbuf said = { 0 };
		double deadline = clock_monotonic() + timeout;
		int status;

		take_group(&s->services, true, &i, names, &group);
		if (!group.n)
			continue;
		sockets_first(&group, &order);
		if (!units_do("start", &order, timeout, &said, &status, err) &&
		    err->code != ERR_TIMEOUT)
			return false;
		if (!await_group(a, s, &group, deadline, out, first, size, err))
			return false;
	}
	return services_look(&s->services, err);
}

/* What runs again need not be remembered, nor what does not exist any more. */
static bool forget(const struct actor *a, const struct services *all, struct err *err)
{
	AUTO_NAMES struct names names = { .n = 0 };

	for (size_t i = 0; i < all->n; i++)
		if (all->all[i].remembered && !(all->all[i].chosen && is_up(&all->all[i])) &&
		    !(all->all[i].chosen && is_gone(&all->all[i])))
			names_add(&names, all->all[i].name);
	return remembered_write(state_dir(a), &names, err) && (names.n || settings_forget(err));
}

static void note_gone(const struct services *all, struct names *wanted, struct outcome *out)
{
	AUTO_NAMES struct names kept = { .n = 0 };

	for (size_t i = 0; i < all->n; i++) {
		if (!names_has(wanted, all->all[i].name))
			continue;
		if (!is_gone(&all->all[i])) {
			names_add(&kept, all->all[i].name);
			continue;
		}
		outcome_set(out, RESULT_WARNING, "%s was stopped and does not exist any more",
			    all->all[i].name);
		outcome_hint(out, "Look whether the upgrade has brought another in its place.");
	}
	names_release(wanted);
	*wanted = kept;
	kept = (struct names){ .n = 0 };
}

bool service_set_start(struct actor *a, struct service_set *s, struct outcome *out, struct err *err)
{
	AUTO_NAMES struct names names = { .n = 0 };
	char first[256] = "";

	service_set_wanted(s, &names);
	note_gone(&s->services, &names, out);
	if (!start_groups(a, s, &names, out, first, sizeof(first), err) ||
	    !forget(a, &s->services, err))
		return false;
	if (stop_requested()) {
		outcome_set(out, RESULT_WARNING,
			    "%zu service(s) (was|were) started and not waited for", names.n);
		outcome_hint(out, "`plmaint service start` waits for them.");
		return true;
	}
	/* One that ran when its group was waited for may have died since. */
	if (!*first)
		(void)group_is(&s->services, &names, is_up, out, first, sizeof(first));
	if (*first) {
		outcome_set(out, RESULT_FAILED, "%s", first);
		hint_at(out, first);
	} else if (out->result == RESULT_OK) {
		outcome_set(out, RESULT_OK, "%zu service(s) run(s|) and answer(s|)", names.n);
	}
	return true;
}
