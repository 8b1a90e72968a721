/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the words of --to to the facts that hold for every release they may mean. */
#include "lib/pulp/releases.h"

#include "lib/core/mem.h"

#include <stdio.h>
#include <string.h>

const struct opt target_params_table[] = {
	{ .name = "to",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct target_params, to),
	  .arg = "VERSION",
	  .help = "release to upgrade to: 2.29 of pulp_container, 3.116 of pulpcore, or both with a "
		  "comma between; not given: the worst" },
	OPTS_END,
};

static const struct release {
	int line, patch, level, core_from, core_below;
	bool reads_artifacts;
} releases[] = {
#define RELEASE(line, patch, level, from, below, reads) { line, patch, level, from, below, reads },
#include "lib/pulp/releases.def"
#undef RELEASE
};

/* A pulpcore that no known release goes with yet. */
enum { CORE_ANY = 999 };

struct version {
	int container, patch, core; /* RELEASE_UNKNOWN where it was not said */
};

/* "2.26.15": the number after the first dot, and the one after the second where there is one. */
static bool read_version(const char *word, struct version *v)
{
	int major, minor, patch = RELEASE_UNKNOWN, used = 0;
	size_t len = strlen(word);

	if (len > 16 || strspn(word, "0123456789.") != len ||
	    sscanf(word, "%4d.%4d%n", &major, &minor, &used) != 2)
		return false;
	if (word[used] == '.') {
		const char *rest = word + used;
		int more = 0;

		if (sscanf(rest, ".%4d%n", &patch, &more) != 1)
			return false;
		used += more;
	}
	if (word[used] != '\0' || (major != 2 && major != 3))
		return false;
	if (major == 3) {
		v->core = minor;
	} else {
		v->container = minor;
		v->patch = patch;
	}
	return true;
}

static bool read_versions(const char *text, struct version *v, struct err *err)
{
	for (const char *at = text; *at; at += *at == ',') {
		AUTO_FREE char *word = xstrndup(at, strcspn(at, ","));

		at += strlen(word);
		if (read_version(word, v))
			continue;
		(void)err_set(err, ERR_USAGE, "--to: '%s' is no release", word);
		return err_hint(err, "Name one of pulp_container, such as 2.29, of pulpcore, such "
				     "as 3.116, or both: 2.29,3.116.");
	}
	return true;
}

static bool fits(const struct release *r, const struct version *v)
{
	if (v->container != RELEASE_UNKNOWN && v->container != r->line)
		return false;
	/* The row of a patch holds until the next row of its line begins. */
	if (v->patch != RELEASE_UNKNOWN &&
	    (v->patch < r->patch || (r + 1 < releases + ARRAY_LEN(releases) &&
				     r[1].line == r->line && v->patch >= r[1].patch)))
		return false;
	return v->core == RELEASE_UNKNOWN || (v->core >= r->core_from && v->core < r->core_below);
}

static void add(struct release_target *t, const struct release *r)
{
	t->reads_artifacts = t->reads_artifacts && r->reads_artifacts;
	t->level = r->level > t->level ? r->level : t->level;
	t->core_least = r->core_from < t->core_least ? r->core_from : t->core_least;
	t->core_most = r->core_below - 1 > t->core_most ? r->core_below - 1 : t->core_most;
}

static bool no_such_release(const struct version *v, const char *text, struct err *err)
{
	const struct release *first = &releases[0];

	(void)err_set(err, ERR_USAGE, "--to: no release that is known is %s", text);
	if (v->container != RELEASE_UNKNOWN && v->container < first->line)
		return err_hint(err, "Name 2.%d or later.", first->line);
	if (v->core != RELEASE_UNKNOWN && v->core < first->core_from)
		return err_hint(err, "Name pulpcore 3.%d or later.", first->core_from);
	return err_hint(err, "No pulp_container of that number goes with that pulpcore.");
}

static bool is_newer(const struct version *v)
{
	const struct release *last = &releases[ARRAY_LEN(releases) - 1];

	return v->container > last->line ||
	       (v->container == RELEASE_UNKNOWN && v->core >= last->core_below);
}

static void say_name(const struct version *v, char *out, size_t size)
{
	char core[24] = "", patch[8] = "";

	if (v->core != RELEASE_UNKNOWN)
		snprintf(core, sizeof(core), "pulpcore 3.%d", v->core);
	if (v->patch != RELEASE_UNKNOWN)
		snprintf(patch, sizeof(patch), ".%d", v->patch);
	if (v->container != RELEASE_UNKNOWN)
		snprintf(out, size, "pulp_container 2.%d%s%s%s", v->container, patch,
			 *core ? " with " : "", core);
	else
		snprintf(out, size, "%s", *core ? core : "the newest Pulp");
}

bool release_target_find(const char *text, struct release_target *ret, struct err *err)
{
	struct version v = { RELEASE_UNKNOWN, RELEASE_UNKNOWN, RELEASE_UNKNOWN };
	const struct release *last = &releases[ARRAY_LEN(releases) - 1];
	struct release_target t = { .reads_artifacts = true,
				    .level = RELEASE_UNKNOWN,
				    .core_least = CORE_ANY,
				    .core_most = 0 };
	size_t n = 0;

	if (text && *text && !read_versions(text, &v, err))
		return false;
	t.named = v.container != RELEASE_UNKNOWN || v.core != RELEASE_UNKNOWN;
	if (!t.named || is_newer(&v)) {
		/* What comes after the newest that is known is thought to be like it. */
		t.reads_artifacts = false;
		t.core_least = t.named ? last->core_from : releases[0].core_from;
		t.core_most = CORE_ANY;
	} else {
		for (size_t i = 0; i < ARRAY_LEN(releases); i++) {
			if (!fits(&releases[i], &v))
				continue;
			add(&t, &releases[i]);
			n++;
		}
		if (n == 0)
			return no_such_release(&v, text, err);
	}
	if (v.core != RELEASE_UNKNOWN)
		t.core_least = t.core_most = v.core;
	say_name(&v, t.name, sizeof(t.name));
	*ret = t;
	return true;
}
