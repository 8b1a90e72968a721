/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pulp's content cache: whether there is one and what it holds of containers, and taking that out.
 */
#include "commands/commands.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/cache_flush.h"
#include "lib/pulp/cache_keys.h"
#include "procedures/procedures.h"

#include <string.h>

struct invalidate {
	char *scope;
};

static const struct opt invalidate_options[] = {
	{ .name = "scope",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct invalidate, scope),
	  .arg = "SCOPE",
	  .help = "affected (distributions that serve migrated manifests) or all",
	  .fallback = "affected" },
	OPTS_END,
};

static bool validate(const void *options, struct err *err)
{
	const struct invalidate *o = options;

	if (strcmp(o->scope, "all") == 0 || strcmp(o->scope, "affected") == 0)
		return true;
	(void)err_set(err, ERR_USAGE, "'%s' is no scope of the cache", o->scope);
	return err_hint(err, "It is one of affected, all.");
}

/* Borrowed from the options, as the runner wants it; the procedure's params hold the same one text.
 */
static void bind_scope(const void *options, void *params)
{
	const struct invalidate *o = options;

	memcpy(params, &o->scope, sizeof(o->scope));
}

/* A URL without what stands before its "@". */
static void hide_password(const char *url, char *out, size_t size)
{
	const char *scheme = strstr(url, "://");
	const char *at = strrchr(url, '@');
	size_t head = scheme ? (size_t)(scheme - url) + 3 : 0;

	snprintf(out, size, "%.*s%s", (int)head, url,
		 scheme && at && at > scheme ? at + 1 : url + head);
}

static bool status(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct place *place = &s->probe->place;
	struct cache_keys keys = { .keys = NULL };
	size_t cached = 0;
	char url[256];

	(void)options;
	(void)exit_status;
	if (!place->cache_enabled || !place->redis_url) {
		const char *why =
			place->settings_source
				? "Pulp's settings do not enable it"
				: "no settings of Pulp were read and redis.url is not set";
		AUTO_FREE char *line = xasprintf("No content cache: %s.\n", why);

		EMIT(s->reporter, "cache", F_BOOL("enabled", false), F_TEXT("message", why));
		s->reporter->print(s->reporter->self, line);
		return true;
	}
	hide_password(place->redis_url, url, sizeof(url));
	if (!cache_keys_find(s->probe->db, place, NULL, &keys, err))
		return false;
	bool ok = cache_count(s->config, place, &keys, &cached, err);
	if (ok) {
		AUTO_FREE char *line =
			xasprintf("Content cache at %s: %zu of %zu keys of container "
				  "distributions are cached.\n",
				  url, cached, keys.n);

		EMIT(s->reporter, "cache", F_BOOL("enabled", true), F_TEXT("url", url),
		     F_INT("keys", keys.n), F_INT("cached", cached));
		s->reporter->print(s->reporter->self, line);
	}
	cache_keys_release(&keys);
	return ok;
}

const struct command command_cache = {
	.name = "cache",
	.summary = "look at Pulp's content cache, or delete what it holds of containers",
	.explain =
		"Pulp keeps answers to pulls in Redis. `pre-migrate run` deletes what it has to by itself; this command "
		"is for doing it by hand. Nothing but keys of container distributions is ever deleted.",
	.actions =
		(const struct action[]){
			{ .name = "status",
			  .summary =
				  "say whether there is a cache and how much of it is of containers",
			  .example = "plmaint cache status",
			  .needs = NEED_DB,
			  .answer = status },
			{ .name = "invalidate",
			  .summary = "delete what is cached of container distributions",
			  .example = "plmaint cache invalidate --scope all",
			  .options = invalidate_options,
			  .options_size = sizeof(struct invalidate),
			  .needs = NEED_DB | NEED_REDIS,
			  .flags = ACTION_WRITES,
			  .validate = validate,
			  .scenario =
				  (const struct step[]){
					  { .procedure = &procedure_pulp_cache_invalidate,
					    .bind = bind_scope,
					    .why = "asked for" },
					  STEPS_END,
				  } },
			{ 0 },
		},
};
