/* SPDX-License-Identifier: GPL-3.0-or-later */
/* systemctl: what it lists and shows is for programs, its words of complaint are for people. */
#include "lib/host/unit.h"

#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/drivers/process.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OUTPUT = 4 << 20, NAME_BYTES = 255 };
static const double answer_within = 30.0; /* seconds; systemd answers in milliseconds */
static const char *const kinds[] = { ".service", ".socket", ".timer" };

bool names_has(const struct names *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->all[i], name) == 0)
			return true;
	return false;
}

void names_add(struct names *s, const char *name)
{
	if (names_has(s, name))
		return;
	s->all = xrealloc(s->all, (s->n + 1) * sizeof(*s->all));
	s->all[s->n++] = xstrdup(name);
}

void names_release(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->all[i]);
	free(s->all);
	*s = (struct names){ .all = NULL };
}

bool unit_is_name(const char *text)
{
	bool kind = false;

	if (!*text || *text == '-' || strlen(text) > NAME_BYTES)
		return false;
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(":-_.\\@", *p))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		kind |= text_ends_with(text + 1, kinds[i]); /* a kind alone is no name */
	return kind;
}

bool unit_runs(const struct unit *u)
{
	return strcmp(u->active, "active") == 0 || strcmp(u->active, "reloading") == 0 ||
	       strcmp(u->active, "activating") == 0 || strcmp(u->active, "refreshing") == 0;
}

static bool explain(const struct strbuf *said, const char *verb, struct err *err)
{
	const char *text = said->len ? said->data : "it said nothing";

	(void)err_set(err, ERR_UNSUPPORTED, "systemctl %s: %.*s", verb, (int)strcspn(text, "\n"),
		      text);
	return err_hint(err, "Look whether `systemctl is-system-running` answers.");
}

static bool ask(const char *const *argv, struct strbuf *out, struct err *err)
{
	AUTO_STRBUF struct strbuf said = { 0 };
	const struct process_options o = {
		.argv = argv, .timeout = answer_within, .max_output = MOST_OUTPUT, .errors = &said
	};
	int status;

	if (!process_run(&o, out, &status, err)) {
		if (err->code == ERR_NOT_FOUND)
			return err_hint(err, "Services are managed where systemd runs them.");
		return false;
	}
	/* To newer ones a list that is empty is a failure, of which they say nothing. */
	return status == 0 || (status == 1 && !said.len) || explain(&said, argv[1], err);
}

static bool matches(const char *const *patterns, const char *name)
{
	for (; *patterns; patterns++)
		if (fnmatch(*patterns, name, 0) == 0)
			return true;
	return false;
}

/* The first word of each line that is a name; a failed unit may have a mark before it. */
static void take_names(const char *text, const char *const *patterns, struct names *ret)
{
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *at = p;
		size_t line = strcspn(p, "\n");

		while (at < p + line) {
			at += strspn(at, " \t");

			size_t len = strcspn(at, " \t\n");
			AUTO_FREE char *word = xstrndup(at, len);

			at += len;
			if (!unit_is_name(word))
				continue;
			if (!strstr(word, "@.") && matches(patterns, word))
				names_add(ret, word);
			break;
		}
	}
}

/* systemctl knows the same patterns; without them it reads every unit that is installed, which
 * takes most of a second. */
static bool list(const char *const *head, size_t n, const char *const *patterns, struct strbuf *out,
		 struct err *err)
{
	AUTO_FREE const char **argv = NULL;
	size_t more = 0;

	while (patterns[more])
		more++;
	argv = xcalloc(n + more + 1, sizeof(*argv));
	memcpy(argv, head, n * sizeof(*argv));
	memcpy(argv + n, patterns, more * sizeof(*argv));
	return ask(argv, out, err);
}

bool units_named(const char *const *patterns, struct names *ret, struct err *err)
{
	static const char *const loaded[] = {
		"systemctl", "list-units",	     "--all", "--full", "--plain", "--no-legend",
		"--type",    "service,socket,timer", "--"
	};
	static const char *const installed[] = { "systemctl", "list-unit-files",
						 "--full",    "--no-legend",
						 "--type",    "service,socket,timer",
						 "--" };
	AUTO_STRBUF struct strbuf out = { 0 };

	if (!*patterns)
		return true;
	if (!list(loaded, ARRAY_LEN(loaded), patterns, &out, err))
		return false;
	strbuf_adds(&out, "\n");
	if (!list(installed, ARRAY_LEN(installed), patterns, &out, err))
		return false;
	take_names(out.data, patterns, ret);
	return true;
}

static void keep(char *out, size_t size, const char *value)
{
	(void)snprintf(out, size, "%s", value);
}

static void take_line(struct unit *u, const char *line, size_t len)
{
	AUTO_FREE char *text = xstrndup(line, len);
	char *value = strchr(text, '=');

	if (!value)
		return;
	*value++ = '\0';
	if (strcmp(text, "Id") == 0)
		u->name = xstrdup(value);
	else if (strcmp(text, "Description") == 0)
		u->description = xstrdup(value);
	else if (strcmp(text, "TriggeredBy") == 0)
		u->triggered_by = xstrdup(value);
	else if (strcmp(text, "LoadState") == 0)
		keep(u->load, sizeof(u->load), value);
	else if (strcmp(text, "ActiveState") == 0)
		keep(u->active, sizeof(u->active), value);
	else if (strcmp(text, "SubState") == 0)
		keep(u->sub, sizeof(u->sub), value);
	else if (strcmp(text, "UnitFileState") == 0)
		keep(u->file, sizeof(u->file), value);
	else if (strcmp(text, "Type") == 0)
		keep(u->type, sizeof(u->type), value);
	else if (strcmp(text, "Result") == 0)
		keep(u->result, sizeof(u->result), value);
	else if (strcmp(text, "MainPID") == 0)
		u->pid = strtol(value, NULL, 10);
}

static void end_unit(struct units *ret, struct unit *u)
{
	if (!u->name)
		return;
	u->description = u->description ? u->description : xstrdup("");
	u->triggered_by = u->triggered_by ? u->triggered_by : xstrdup("");
	ret->all = xrealloc(ret->all, (ret->n + 1) * sizeof(*ret->all));
	ret->all[ret->n++] = *u;
	*u = (struct unit){ .name = NULL };
}

void units_parse(const char *text, struct units *ret)
{
	struct unit u = { .name = NULL };

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len)
			take_line(&u, text, len);
		else
			end_unit(ret, &u);
		text += len + (text[len] == '\n');
	}
	end_unit(ret, &u);
}

static const char properties[] =
	"--property=Id,Description,LoadState,ActiveState,SubState,UnitFileState,Type,Result,MainPID,TriggeredBy";

bool units_show(const struct names *names, struct units *ret, struct err *err)
{
	static const char *const head[] = { "systemctl", "show", "--no-pager", properties, "--" };
	AUTO_FREE const char **argv = xcalloc(ARRAY_LEN(head) + names->n + 1, sizeof(*argv));
	AUTO_STRBUF struct strbuf out = { 0 };

	*ret = (struct units){ .all = NULL };
	if (names->n == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		argv[i] = head[i];
	for (size_t i = 0; i < names->n; i++)
		argv[ARRAY_LEN(head) + i] = names->all[i];
	if (!ask(argv, &out, err))
		return false;
	units_parse(out.len ? out.data : "", ret);
	return true;
}

void units_release(struct units *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->all[i].name);
		free(u->all[i].description);
		free(u->all[i].triggered_by);
	}
	free(u->all);
	*u = (struct units){ .all = NULL };
}

bool units_do(const char *verb, const struct names *names, double timeout, struct strbuf *said,
	      int *ret_status, struct err *err)
{
	const char *const head[] = { "systemctl", "--no-ask-password", verb, "--" };
	AUTO_FREE const char **argv = xcalloc(ARRAY_LEN(head) + names->n + 1, sizeof(*argv));
	/* One that lived on after a kill could stop what the next run has started. */
	const struct process_options o = { .argv = argv,
					   .timeout = timeout,
					   .ends_with_us = true,
					   .max_output = MOST_OUTPUT,
					   .errors = said };
	AUTO_STRBUF struct strbuf out = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		argv[i] = head[i];
	for (size_t i = 0; i < names->n; i++)
		argv[ARRAY_LEN(head) + i] = names->all[i];
	return process_run(&o, &out, ret_status, err);
}
