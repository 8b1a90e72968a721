/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Functions of lib/pulp for tests that need servers: one word chooses the function, what it found
 * comes out as lines "name<TAB>value", and an error as code, text and hint with exit status 1.
 *
 *	pulp_tool schema CONNINFO [write] [assume]
 *	pulp_tool services CONNINFO [API CONTENT WORKER]	(seconds)
 *	pulp_tool doubt CONNINFO SETTINGS
 *	pulp_tool keys CONNINFO DOMAIN_ENABLED [SQL]
 *	pulp_tool flush CONNINFO SQL|all KEY=VALUE...
 *	pulp_tool find KEY=VALUE...
 *	pulp_tool storage DOMAIN FILE SIZE KEY=VALUE...
 *	pulp_tool storage-gone FILE KEY=VALUE...	(reads, unmounts the media root, reads
 *again) pulp_tool literal < settings.py pulp_tool words|lines < environment
 */
#include "lib/core/mem.h"
#include "lib/pulp/cache_flush.h"
#include "lib/pulp/live.h"
#include "lib/pulp/settings.h"
#include "lib/pulp/settings_literal.h"
#include "lib/pulp/settings_unit.h"
#include "lib/pulp/settings_values.h"
#include "lib/pulp/storage.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

static struct err err;

static int fail(void)
{
	printf("code\t%s\ntext\t%s\nhint\t%s\n", err_code_name(err.code), err.text, err.hint);
	return 1;
}

static bool connect_to(const char *conninfo, bool read_only, struct pg **db)
{
	const struct pg_options o = { .conninfo = conninfo,
				      .application_name = "pulp_tool",
				      .read_only = read_only };
	return pg_connect(&o, db, &err);
}

/* KEY=VALUE words into a configuration. */
static bool configure(struct config *c, char **words)
{
	for (; *words; words++) {
		char *equals = strchr(*words, '=');
		if (!equals)
			return err_set(&err, ERR_USAGE, "not KEY=VALUE: %s", *words);
		*equals = '\0';
		if (!config_set(c, *words, equals + 1, "test", &err))
			return false;
	}
	return true;
}

static char *slurp(size_t *len)
{
	struct strbuf text = { 0 };
	char buf[4096];
	size_t n;

	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
		strbuf_add(&text, buf, n);
	*len = text.len;
	return strbuf_take(&text);
}

static void line(const char *name, const char *value)
{
	printf("%s\t%s\n", name, value ? value : "(none)");
}

static int schema(char **a)
{
	struct pulp_schema s;
	struct pg *db = NULL;
	bool write = a[1] && strcmp(a[1], "write") == 0;
	bool assume =
		a[1] && (strcmp(a[1], "assume") == 0 || (a[2] && strcmp(a[2], "assume") == 0));

	if (!connect_to(a[0], !write, &db) || !pulp_schema_probe(db, write, assume, &s, &err)) {
		pg_close(db);
		return fail();
	}
	printf("level\t%d\nknown\t%d\ndata\t%d\ntype\t%d\nint4\t%d\ndomain\t%d\nappstatus\t%d\nold\t%d\npublished\t%d\n"
	       "pullthrough\t%d\nowner\t%s\nmigrations\t%s\n",
	       s.level, s.known, s.has_data, s.has_type, s.size_is_int4, s.has_domain,
	       s.has_appstatus, s.has_old_heartbeats, s.has_publishedartifact, s.has_pullthrough,
	       s.owner, s.migrations);
	pg_close(db);
	return 0;
}

static int services(char **a)
{
	struct pulp_schema s;
	struct pulp_services online;
	struct pg *db = NULL;
	struct place place = { .domain_enabled = -1 };

	if (a[1]) {
		place.api_ttl = strtod(a[1], NULL);
		place.content_ttl = strtod(a[2], NULL);
		place.worker_ttl = strtod(a[3], NULL);
	}
	if (!connect_to(a[0], true, &db) || !pulp_schema_probe(db, false, false, &s, &err) ||
	    !pulp_services_online(db, &s, &place, &online, &err)) {
		pg_close(db);
		return fail();
	}
	printf("api\t%d\ncontent\t%d\nworkers\t%d\n", online.api, online.content, online.workers);
	pg_close(db);
	return 0;
}

static int doubt(char **a)
{
	struct pulp_schema s;
	struct pg *db = NULL;
	char text[512];
	struct place place = { .settings_source = a[1], .conninfo_source = a[1] };

	if (!connect_to(a[0], true, &db) || !pulp_schema_probe(db, false, false, &s, &err)) {
		pg_close(db);
		return fail();
	}
	line("doubt", pulp_live_doubt(db, &s, &place, text, sizeof text) ? text : NULL);
	pg_close(db);
	return 0;
}

static int keys(char **a)
{
	struct pg *db = NULL;
	struct cache_keys found = { .keys = NULL };
	struct place place = { .domain_enabled = (int)strtol(a[1], NULL, 10) };

	if (!connect_to(a[0], true, &db) || !cache_keys_find(db, &place, a[2], &found, &err)) {
		pg_close(db);
		return fail();
	}
	for (size_t i = 0; i < found.n; i++)
		line("key", found.keys[i]);
	cache_keys_release(&found);
	pg_close(db);
	return 0;
}

static int flush(char **a)
{
	struct pg *db = NULL;
	struct cache_keys found = { .keys = NULL };
	struct place place = { .domain_enabled = 0, .cache_enabled = true };
	struct config *config = config_new();
	size_t before = 0, deleted = 0;
	bool all = strcmp(a[1], "all") == 0;

	bool ok = configure(config, a + 2) && connect_to(a[0], true, &db) &&
		  cache_keys_find(db, &place, all ? NULL : a[1], &found, &err);
	if (ok) {
		const char *url = config_get(config, "redis.url");
		place.redis_url = url ? xstrdup(url) : NULL;
		ok = cache_count(config, &place, &found, &before, &err) &&
		     cache_flush(config, &place, &found, &deleted, &err);
	}
	if (ok)
		printf("before\t%zu\ndeleted\t%zu\n", before, deleted);
	cache_keys_release(&found);
	place_release(&place);
	config_free(config);
	pg_close(db);
	return ok ? 0 : fail();
}

static int find(char **a)
{
	struct config *config = config_new();
	struct place p = { .domain_enabled = -1 };

	if (!configure(config, a) || !pulp_settings_find(config, &p, &err)) {
		config_free(config);
		return fail();
	}
	line("conninfo", p.conninfo);
	line("conninfo_source", p.conninfo_source);
	line("settings_source", p.settings_source);
	line("media_root", p.media_root);
	line("storage_class", p.storage_class);
	line("redis_url", p.redis_url);
	printf("cache\t%d\ndomains\t%d\napi_ttl\t%g\ncontent_ttl\t%g\nworker_ttl\t%g\n",
	       p.cache_enabled, p.domain_enabled, p.api_ttl, p.content_ttl, p.worker_ttl);
	place_release(&p);
	config_free(config);
	return 0;
}

static int storage(char **a)
{
	struct config *config = config_new();
	struct place p = { .domain_enabled = -1 };
	struct storage *s = NULL;
	struct fs_file file = { .data = NULL };
	int64_t size = -1, changed = -1;

	bool ok = configure(config, a + 3);
	if (ok) {
		const char *root = config_get(config, "pulp.media_root");
		p.media_root = root ? xstrdup(root) : NULL;
		ok = storage_open(config, &p, &s, &err);
	}
	if (ok) {
		const char *domain = *a[0] ? a[0] : NULL;
		enum reason reason = storage_read(s, domain, a[1], strtoll(a[2], NULL, 10), &file);
		line("reason", reason == REASON_NONE ? NULL : reason_text(reason)->code);
		printf("length\t%zu\n", file.data ? file.len : 0);
		line("stat", storage_stat(s, domain, a[1], &size, &changed) ? "yes" : "no");
		printf("size\t%lld\n", (long long)size);
		free(file.data);
	}
	storage_close(s);
	place_release(&p);
	config_free(config);
	return ok ? 0 : fail();
}

static void read_once(const char *when, const struct storage *s, const char *file)
{
	struct fs_file out = { .data = NULL };
	enum reason reason = storage_read(s, NULL, file, 5, &out);
	line(when, reason == REASON_NONE ? NULL : reason_text(reason)->code);
	free(out.data);
}

static int storage_disappears(char **a)
{
	struct config *config = config_new();
	struct place p = { .domain_enabled = -1 };
	struct storage *s = NULL;

	bool ok = configure(config, a + 1);
	if (ok) {
		p.media_root = xstrdup(config_get(config, "pulp.media_root"));
		ok = storage_open(config, &p, &s, &err);
	}
	if (ok) {
		read_once("before", s, a[0]);
		ok = umount2(p.media_root, MNT_DETACH) == 0 || err_errno(&err, "umount");
	}
	if (ok)
		read_once("after", s, a[0]);
	storage_close(s);
	place_release(&p);
	config_free(config);
	return ok ? 0 : fail();
}

/* Each line of stdin that says only "%%" ends one file; so one process reads thousands of them. */
static int literal(void)
{
	size_t len;
	char *text AUTO_FREE = slurp(&len);
	const char *end = text + len;

	for (const char *p = text; p < end;) {
		const char *next = memmem(p, (size_t)(end - p), "\n%%\n", 4);
		struct strbuf json AUTO_STRBUF = { 0 };
		struct literal_doubt why;
		size_t n = (size_t)((next ? next : end) - p);

		if (settings_literal(p, n, settings_wanted, &json, &why))
			line("json", json.data);
		else
			printf("doubt\t%d: %s%s%s\n", why.line, why.why, *why.name ? ": " : "",
			       why.name);
		p = next ? next + 4 : end;
	}
	return 0;
}

static int environment(bool words)
{
	size_t len;
	char *text AUTO_FREE = slurp(&len);
	struct unit_environment env = { .vars = NULL };

	if (words)
		unit_environment_add_words(&env, text);
	else
		unit_environment_add_lines(&env, text);
	for (size_t i = 0; i < env.n; i++)
		line("var", env.vars[i]);
	line("overrides", unit_environment_overrides(&env, settings_wanted) ? "yes" : "no");
	unit_environment_release(&env);
	return 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	char **rest = argv + 2;

	if (strcmp(word, "schema") == 0 && argc > 2)
		return schema(rest);
	if (strcmp(word, "services") == 0 && (argc == 3 || argc == 6))
		return services(rest);
	if (strcmp(word, "doubt") == 0 && argc == 4)
		return doubt(rest);
	if (strcmp(word, "keys") == 0 && argc >= 4)
		return keys(rest);
	if (strcmp(word, "flush") == 0 && argc >= 4)
		return flush(rest);
	if (strcmp(word, "find") == 0)
		return find(rest);
	if (strcmp(word, "storage") == 0 && argc >= 5)
		return storage(rest);
	if (strcmp(word, "storage-gone") == 0 && argc >= 4)
		return storage_disappears(rest);
	if (strcmp(word, "literal") == 0)
		return literal();
	if (strcmp(word, "words") == 0 || strcmp(word, "lines") == 0)
		return environment(*word == 'w');
	fprintf(stderr, "pulp_tool: see the comment at the top of its source\n");
	return 2;
}
