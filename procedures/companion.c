/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Upstream's commands print for people and end with a status; both are kept. */
#include "procedures/companion.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/pulp/program.h"

#include <stdlib.h>

enum { LINES_KEPT = OUTCOME_EXAMPLES };

struct said {
	const struct actor *actor;
	const char *label;
	char *lines[LINES_KEPT]; /* a ring; owned */
	size_t n;
};

static void hear(void *arg, const char *text)
{
	struct said *s = arg;
	char **slot = &s->lines[s->n++ % LINES_KEPT];
	AUTO_FREE char *line = xasprintf("  | %s\n", text);

	free(*slot);
	*slot = xstrdup(text);
	EMIT(s->actor->reporter, "output", F_TEXT("label", s->label), F_TEXT("line", text));
	if (s->actor->reporter->print)
		s->actor->reporter->print(s->actor->reporter->self, line);
}

static void keep(struct said *s, struct outcome *out)
{
	size_t first = s->n > LINES_KEPT ? s->n - LINES_KEPT : 0;

	for (size_t i = first; i < s->n; i++)
		outcome_example(out, "%s", s->lines[i % LINES_KEPT]);
	for (size_t i = 0; i < LINES_KEPT; i++)
		free(s->lines[i]);
}

static void join(const char *const *words, struct strbuf *out)
{
	for (size_t i = 0; words[i]; i++)
		strbuf_addf(out, "%s%s", i ? " " : "", words[i]);
}

bool companion_run(struct actor *a, const struct companion *c, struct outcome *out, struct err *err)
{
	struct said said = { .actor = a, .label = c->label };
	AUTO_STRBUF struct strbuf words = { 0 };
	int status = 0;

	join(c->words, &words);
	bool ok = pulp_manager_run(a->look->config,
				   &(struct pulp_manager){ .words = c->words,
							   .place = &a->look->place,
							   .timeout = c->timeout,
							   .line = hear,
							   .arg = &said },
				   &status, err);
	keep(&said, out);
	if (!ok)
		return false;
	outcome_set(out, status ? RESULT_FAILED : RESULT_OK,
		    "pulpcore-manager %s ended with exit status %d", words.data, status);
	if (status)
		outcome_hint(out, "Its last lines say why; this Pulp may not have that command.");
	return true;
}
