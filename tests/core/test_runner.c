/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scenarios of made-up steps: what runs, what is passed over, what the exit status is, what is
 * journalled. */
#include "lib/core/runner.h"

#include "lib/core/exit.h"
#include "lib/core/journal.h"
#include "lib/core/stop.h"
#include "lib/core/strbuf.h"
#include "tests/harness/tap.h"

#include <signal.h>
#include <unistd.h>

static void record(void *self, const char *event, const struct field *f)
{
	struct strbuf *log = self;

	if (strcmp(event, "step.end") != 0 && strcmp(event, "run.end") != 0)
		return;
	for (; f->key; f++) {
		if (strcmp(f->key, "label") == 0 || strcmp(f->key, "result") == 0)
			strbuf_addf(log, "%s ", f->v.text);
		else if (strcmp(f->key, "exit") == 0 || strcmp(f->key, "rows") == 0)
			strbuf_addf(log, "%s=%d ", f->key, (int)f->v.i);
		else if (strcmp(f->key, "failing") == 0)
			strbuf_addf(log, "failing %s ", f->v.list[0]);
	}
	strbuf_adds(log, "\n");
}

struct site {
	struct strbuf log;
	struct reporter reporter;
	struct config *config;
	struct session session;
	char dir[64];
};

static void site_init(struct site *s)
{
	char made[] = "/tmp/plmaint-runner-XXXXXX";

	*s = (struct site){ 0 };
	if (!mkdtemp(made))
		abort();
	(void)snprintf(s->dir, sizeof(s->dir), "%s", made);
	s->reporter = (struct reporter){ .self = &s->log, .emit = record };
	s->config = config_new();
	s->session =
		(struct session){ .reporter = &s->reporter, .config = s->config, .run_id = "r" };
}

static void site_release(struct site *s)
{
	char file[96];

	(void)snprintf(file, sizeof(file), "%s/journal", s->dir);
	(void)unlink(file);
	(void)rmdir(s->dir);
	strbuf_release(&s->log);
	config_free(s->config);
}
#define AUTO_SITE __attribute__((cleanup(site_release)))

static int run(struct site *s, const struct step *steps, const void *options)
{
	strbuf_clear(&s->log);
	return runner_run(&(struct run_request){ .command = "test",
						 .action = "run",
						 .steps = steps,
						 .options = options,
						 .session = &s->session,
						 .state_dir = s->dir });
}

static bool ok(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)p, (void)params, (void)err;
	outcome_set(out, RESULT_OK, "fine");
	return true;
}

static bool finds(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)p, (void)params, (void)err;
	outcome_set(out, RESULT_FINDING, "seen");
	outcome_example(out, "one");
	return true;
}

static bool blind(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)p, (void)params, (void)out;
	return err_set(err, ERR_CONNECT, "no answer");
}

static bool dies(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)p, (void)params, (void)out, (void)err;
	(void)raise(SIGKILL);
	return true;
}

/* Its session is lost twice: when it asks, and when it works. */
static int asked;

static bool asks_a_server(const struct probe *p, const void *params, bool *needed,
			  struct outcome *why, struct err *err)
{
	(void)p, (void)params;
	*needed = true;
	outcome_example(why, "not of the end");
	if (asked++ > 0)
		return true;
	(void)err_set(err, ERR_RETRY, "ended by the administrator");
	snprintf(err->native, sizeof(err->native), "57P01");
	return false;
}

static bool needs_a_server(struct actor *a, const void *params, struct outcome *out,
			   struct err *err)
{
	(void)a, (void)params;
	outcome_count(out, "rows", asked);
	if (asked > 2)
		return true;
	(void)err_set(err, ERR_CONNECT, "lost");
	snprintf(err->native, sizeof(err->native), "08006");
	return false;
}

static bool acts(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const long *rows = params;

	(void)a, (void)err;
	outcome_count(out, "rows", *rows);
	return true;
}

static bool breaks(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	(void)a, (void)params, (void)out;
	return err_set(err, ERR_IO, "disk");
}

static bool no_work(const struct probe *p, const void *params, bool *needed, struct outcome *why,
		    struct err *err)
{
	(void)p, (void)params, (void)why, (void)err;
	*needed = false;
	return true;
}

static bool until_stopped(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	(void)a, (void)params, (void)out;
	return stop_wait(2) ? err_set(err, ERR_BUG, "nobody asked")
			    : err_set(err, ERR_STOPPED, "stopped");
}

static bool interrupts_itself(struct actor *a, const void *params, struct outcome *out,
			      struct err *err)
{
	(void)raise(SIGTERM);
	return until_stopped(a, params, out, err);
}

static const struct check good = { .label = "good", .run = ok };
static const struct check bad = { .label = "bad", .run = finds };
static const struct check lost = { .label = "lost", .run = blind };
static const struct check crashes = { .label = "crashes", .run = dies };
static const struct check wants_db = { .label = "wants-db", .needs = NEED_DB, .run = ok };
static const struct opt rows_table[] = { { .name = "rows", .kind = OPT_INT, .fallback = "5" },
					 OPTS_END };
static const struct procedure act = { .label = "act",
				      .changes = "a list",
				      .params = rows_table,
				      .params_size = sizeof(long),
				      .run = acts };
static const struct procedure idle = {
	.label = "idle", .changes = "a list", .needed = no_work, .run = breaks
};
static const struct procedure fail = { .label = "fail", .changes = "a list", .run = breaks };
static const struct procedure wait = { .label = "wait", .changes = "a list", .run = until_stopped };
static const struct procedure served = {
	.label = "served", .changes = "a list", .needed = asks_a_server, .run = needs_a_server
};
static const struct procedure term = { .label = "term",
				       .changes = "a list",
				       .run = interrupts_itself };
static const struct procedure unproven = { .label = "unproven",
					   .changes = "a list",
					   .params = rows_table,
					   .params_size = sizeof(long),
					   .run = acts,
					   .verify = finds };
static const struct procedure writes_db = { .label = "writes-db",
					    .changes = "a list",
					    .params = rows_table,
					    .params_size = sizeof(long),
					    .needs = NEED_DB,
					    .run = acts };

TEST(all_pass)
{
	AUTO_SITE struct site s;
	const struct step steps[] = {
		{ .check = &good }, { .procedure = &idle }, { .procedure = &act }, STEPS_END
	};

	site_init(&s);
	CHECK_INT(run(&s, steps, NULL), EXIT_DONE);
	CHECK_STR(s.log.data, "good ok \nidle not-needed \nact ok rows=5 \nexit=0 rows=5 \n");
}

TEST(first_failure_ends_it_and_rescue_runs)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .procedure = &fail },
				      { .procedure = &act },
				      { .check = &good, .flags = STEP_RESCUE },
				      STEPS_END };

	site_init(&s);
	CHECK_INT(run(&s, steps, NULL), EXIT_FAILED);
	CHECK_STR(s.log.data, "fail failed \ngood ok \nexit=1 failing fail \n");
}

TEST(rescue_rests_when_all_is_well)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .check = &good },
				      { .procedure = &fail, .flags = STEP_RESCUE },
				      STEPS_END };

	site_init(&s);
	CHECK_INT(run(&s, steps, NULL), EXIT_DONE);
	CHECK_STR(s.log.data, "good ok \nexit=0 \n");
}

TEST(fail_slow_shows_all_three_answers)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .check = &lost, .flags = STEP_FAIL_SLOW },
				      { .check = &bad, .flags = STEP_FAIL_SLOW },
				      { .check = &good, .flags = STEP_FAIL_SLOW },
				      STEPS_END };

	site_init(&s);
	CHECK_INT(run(&s, steps, NULL), EXIT_FAILED);
	CHECK_STR(s.log.data, "lost unknown \nbad finding \ngood ok \nexit=1 failing lost \n");
}

TEST(a_crew_says_the_same_in_the_same_order)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .check = &lost, .flags = STEP_FAIL_SLOW },
				      { .check = &bad, .flags = STEP_FAIL_SLOW },
				      { .check = &good, .flags = STEP_FAIL_SLOW },
				      { .check = &crashes, .flags = STEP_FAIL_SLOW },
				      { .check = &good, .flags = STEP_FAIL_SLOW },
				      STEPS_END };

	site_init(&s);
	s.session.whitelist = "bad";
	for (size_t crew = 1; crew <= 4; crew++) {
		strbuf_clear(&s.log);
		CHECK_INT(runner_run(&(struct run_request){ .command = "test",
							    .action = "run",
							    .steps = steps,
							    .session = &s.session,
							    .crew = crew }),
			  EXIT_UNKNOWN);
		CHECK_STR(s.log.data, "lost unknown \nbad skipped \ngood ok \ncrashes unknown \n"
				      "good ok \nexit=3 failing lost \n");
	}
}

TEST(could_not_find_out_is_no_failure)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .check = &lost }, { .procedure = &act }, STEPS_END };

	site_init(&s);
	CHECK_INT(run(&s, steps, NULL), EXIT_UNKNOWN);
	CHECK_STR(s.log.data, "lost unknown \nexit=3 failing lost \n");
}

TEST(unmet_needs_are_answered_by_kind)
{
	AUTO_SITE struct site s;
	struct err why[NEED_COUNT] = { { .code = ERR_CONNECT, .text = "refused" } };
	const struct step a[] = { { .check = &wants_db }, STEPS_END };
	const struct step b[] = { { .procedure = &writes_db }, STEPS_END };

	site_init(&s);
	s.session.unmet = NEED_DB;
	s.session.unmet_why = why;
	CHECK_INT(run(&s, a, NULL), EXIT_UNKNOWN);
	CHECK_INT(run(&s, b, NULL), EXIT_FAILED);
	CHECK_STR(s.log.data, "writes-db failed \nexit=1 failing writes-db \n");
	why[0].code = ERR_CONFIG;
	CHECK_INT(run(&s, b, NULL), EXIT_USAGE);
}

static bool only_if(const void *options, const char **why)
{
	*why = "--no";
	return *(const int *)options;
}

static void keep_whitelist(void *self, const char *event, const struct field *f)
{
	for (; strcmp(event, "run.end") == 0 && f->key; f++)
		if (strcmp(f->key, "whitelist") == 0)
			for (size_t i = 0; f->v.list[i]; i++)
				strbuf_addf(self, "%s,", f->v.list[i]);
}

TEST(only_what_may_be_passed_over_is_offered)
{
	AUTO_SITE struct site s;
	struct err why[NEED_COUNT] = { { .code = ERR_CONNECT, .text = "refused" } };
	const struct step steps[] = { { .check = &bad, .flags = STEP_FAIL_SLOW },
				      { .check = &lost, .flags = STEP_FAIL_SLOW | STEP_CRITICAL },
				      { .check = &wants_db, .flags = STEP_FAIL_SLOW },
				      { .procedure = &fail },
				      STEPS_END };
	const struct step alone[] = { { .check = &bad }, STEPS_END };

	site_init(&s);
	s.reporter.emit = keep_whitelist;
	s.session.unmet = NEED_DB;
	s.session.unmet_why = why;
	CHECK_INT(run(&s, steps, NULL), EXIT_FAILED);
	CHECK_STR(s.log.data, "bad,");
	CHECK_INT(run(&s, alone, NULL), EXIT_FAILED);
	CHECK(s.log.len == 0);
}

static bool counts_all(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	(void)a, (void)params, (void)err;
	outcome_count(out, "rows", 1);
	outcome_count(out, "partial", 2);
	outcome_count(out, "quarantined", 3);
	outcome_count(out, "filled", 4);
	return true;
}

static bool finds_five(const struct probe *p, const void *params, struct outcome *out,
		       struct err *err)
{
	outcome_count(out, "found", 5);
	return finds(p, params, out, err);
}

static const struct check five = { .label = "five", .run = finds_five };
static const struct procedure tally = { .label = "tally", .changes = "rows", .run = counts_all };

static void keep_totals(void *self, const char *event, const struct field *f)
{
	struct strbuf *log = self;
	int failing = 0;

	for (; strcmp(event, "run.end") == 0 && f->key; f++) {
		if (f->kind == FIELD_INT)
			strbuf_addf(log, "%s=%d ", f->key, (int)f->v.i);
		else if (strcmp(f->key, "failing") == 0)
			while (f->v.list[failing])
				failing++;
	}
	if (failing)
		strbuf_addf(log, "%d failing", failing);
}

/* As many as there are checks, and every key that steps count by. */
TEST(nothing_is_left_out_of_the_end)
{
	AUTO_SITE struct site s;
	struct step steps[102] = { { .check = &five, .flags = STEP_FAIL_SLOW },
				   { .procedure = &tally } };

	for (int i = 2; i < 101; i++)
		steps[i] = (struct step){ .check = &bad, .flags = STEP_FAIL_SLOW };
	site_init(&s);
	s.reporter.emit = keep_totals;
	CHECK_INT(run(&s, steps, NULL), EXIT_FAILED);
	CHECK_STR(s.log.data, "exit=1 found=5 rows=1 partial=2 quarantined=3 filled=4 100 failing");
}

TEST(whitelist_and_when_are_told)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .check = &bad },
				      { .procedure = &act, .when = only_if },
				      STEPS_END };
	int no = 0;

	site_init(&s);
	s.session.whitelist = "x,bad";
	CHECK_INT(run(&s, steps, &no), EXIT_DONE);
	CHECK_STR(s.log.data, "bad skipped \nact skipped \nexit=0 \n");
}

TEST(verify_has_the_last_word)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .procedure = &unproven }, STEPS_END };

	site_init(&s);
	CHECK_INT(run(&s, steps, NULL), EXIT_FAILED);
	CHECK_STR(s.log.data, "unproven finding rows=5 \nexit=1 rows=5 failing unproven \n");
}

static void keep_message(void *self, const char *event, const struct field *f)
{
	for (; strcmp(event, "step.end") == 0 && f->key; f++)
		if (strcmp(f->key, "message") == 0 || strcmp(f->key, "result") == 0)
			strbuf_addf(self, "%s;", f->v.text);
}

TEST(a_step_whose_session_was_lost_begins_again)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .procedure = &served }, { .check = &lost }, STEPS_END };

	site_init(&s);
	asked = 0;
	CHECK_INT(run(&s, steps, NULL), EXIT_UNKNOWN);
	CHECK_INT(asked, 3);
	/* Another server's silence is an answer. */
	CHECK_STR(s.log.data, "served ok rows=3 \nlost unknown \nexit=3 rows=3 failing lost \n");
}

TEST(a_time_limit_fails_the_step)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .procedure = &wait }, STEPS_END };
	struct err err;

	site_init(&s);
	CHECK(config_set(s.config, "general.step_timeout", "20ms", "test", &err));
	s.reporter.emit = keep_message;
	stop_install();
	CHECK_INT(run(&s, steps, NULL), EXIT_FAILED);
	CHECK_STR(s.log.data, "failed;it did not end within 20 ms;");
	CHECK(!stop_requested());
}

struct seen {
	int starts, ends;
	char resumed[256];
};

static void count_lines(void *arg, const struct journal_line *l)
{
	struct seen *seen = arg;

	seen->starts += strcmp(l->event, "step.start") == 0;
	seen->ends += strcmp(l->event, "step.end") == 0;
}

static void record_resume(void *self, const char *event, const struct field *f)
{
	struct seen *seen = self;

	for (; strcmp(event, "run.start") == 0 && f->key; f++)
		if (strcmp(f->key, "resumes") == 0 && f->v.text)
			(void)snprintf(seen->resumed, sizeof(seen->resumed), "%s", f->v.text);
}

TEST(journal_tells_of_a_run_that_was_killed)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .check = &good }, { .procedure = &idle }, STEPS_END };
	struct seen seen = { 0 };
	struct journal *j = NULL;
	struct err err;
	size_t damaged;

	site_init(&s);
	REQUIRE(journal_open(s.dir, "killed", &j, &err));
	CHECK(journal_add(j, "run.start",
			  (const struct field[]){ F_TEXT("command", "test run"), F_END }, &err));
	CHECK(journal_add(j, "step.start", (const struct field[]){ F_TEXT("label", "idle"), F_END },
			  &err));
	journal_close(j);

	s.reporter = (struct reporter){ .self = &seen, .emit = record_resume };
	CHECK_INT(run(&s, steps, NULL), EXIT_DONE);
	CHECK(strstr(seen.resumed, "ended in step idle") != NULL);
	CHECK(journal_read(s.dir, count_lines, &seen, &damaged, &err));
	CHECK_INT(seen.starts, 3);
	CHECK_INT(seen.ends, 2);

	/* That run ended well: there is nothing to resume. */
	seen.resumed[0] = '\0';
	CHECK_INT(run(&s, steps, NULL), EXIT_DONE);
	CHECK_STR(seen.resumed, "");
}

/* Last: the wish to stop stays. */
TEST(stopped_by_a_signal)
{
	AUTO_SITE struct site s;
	const struct step steps[] = { { .procedure = &term },
				      { .procedure = &act },
				      { .check = &good, .flags = STEP_RESCUE },
				      STEPS_END };

	site_init(&s);
	CHECK_INT(run(&s, steps, NULL), EXIT_SIGTERM);
	CHECK_STR(s.log.data, "term warning \ngood ok \nexit=143 \n");
	CHECK(!stop_requested()); /* so that the rescue could wait for something */
	/* Asked to stop before the first step. */
	stop_ask(SIGTERM);
	CHECK_INT(run(&s, steps + 1, NULL), EXIT_SIGTERM);
	CHECK_STR(s.log.data, "good ok \nexit=143 \n");
}

TAP_MAIN(row(all_pass), row(first_failure_ends_it_and_rescue_runs),
	 row(rescue_rests_when_all_is_well), row(fail_slow_shows_all_three_answers),
	 row(a_crew_says_the_same_in_the_same_order), row(could_not_find_out_is_no_failure),
	 row(unmet_needs_are_answered_by_kind), row(only_what_may_be_passed_over_is_offered),
	 row(nothing_is_left_out_of_the_end), row(whitelist_and_when_are_told),
	 row(verify_has_the_last_word), row(a_step_whose_session_was_lost_begins_again),
	 row(a_time_limit_fails_the_step), row(journal_tells_of_a_run_that_was_killed),
	 row(stopped_by_a_signal))
