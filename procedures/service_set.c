/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Pulp's settings and database say of where its services are, and whether they answer. */
#include "procedures/service_set.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/http.h"
#include "lib/drivers/json.h"
#include "lib/host/process_unit.h"
#include "lib/host/remembered.h"
#include "lib/pulp/cache_flush.h"
#include "lib/pulp/columns.h"
#include "lib/pulp/settings.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_SECONDS = 5 };

const struct opt service_choice_table[] = { SERVICE_CHOICE_OPTIONS, OPTS_END };

static bool open_db(const struct place *at, struct pg **ret, struct err *err)
{
	const struct pg_options o = { .conninfo = at->conninfo,
				      .application_name = "plmaint:services",
				      .read_only = true,
				      .statement_timeout_ms = ANSWER_SECONDS * 1000,
				      .connect_timeout_s = ANSWER_SECONDS };

	return pg_connect(&o, ret, err);
}

/* Names of all that have signed on; those alone that are online, where live is set. */
static bool read_heartbeats(const struct probe *p, const struct place *at, struct pg *db, bool live,
			    struct names *ret, struct err *err)
{
	struct memo columns = { 0 };
	struct probe look = *p;
	const struct pulp_columns *c;
	AUTO_ROWS struct pg_rows *r = NULL;
	bool ok = false;

	look.db = db;
	look.columns = &columns;
	look.place.api_ttl = at->api_ttl;
	look.place.content_ttl = at->content_ttl;
	look.place.worker_ttl = at->worker_ttl;
	if (pulp_columns_known(&look, &c, err)) {
		AUTO_FREE char *from = pulp_heartbeats(&look, c, err);
		AUTO_FREE char *sql =
			xasprintf("SELECT DISTINCT name FROM %s h%s ORDER BY 1", from ? from : "",
				  live ? " WHERE last_heartbeat >= now() - ttl" : "");

		ok = from && pg_query(db, sql, NULL, 0, &r, err);
	}
	for (size_t i = 0; ok && i < pg_rows_count(r); i++)
		names_add(ret, pg_text(r, i, 0));
	memo_forget(&columns);
	return ok;
}

static void caution(struct service_set *s, const char *what, const struct err *err)
{
	free(s->cautions);
	s->cautions = xasprintf("%s: %s", what, err->text);
}

static bool find(const struct probe *p, struct service_set *s, const struct names *remembered,
		 struct err *err)
{
	AUTO_NAMES struct names heartbeats = { .n = 0 };
	AUTO_FREE char *pg_host = NULL, *pg_port = NULL, *redis_host = NULL, *redis_port = NULL;
	struct redis_options cache;
	struct pg *db = NULL;
	struct err why;

	if (!pulp_settings_find(p->config, &s->place, &why))
		caution(s, "units are found by their names alone", &why);
	cache_options(p->config, &s->place, &cache);
	if (s->place.conninfo && !pg_where(s->place.conninfo, &pg_host, &pg_port, err))
		return false;
	if (cache.url && !redis_where(cache.url, &redis_host, &redis_port, err))
		return false;
	if (s->place.conninfo && (!open_db(&s->place, &db, &why) ||
				  !read_heartbeats(p, &s->place, db, false, &heartbeats, &why)))
		caution(s, "Pulp's processes were not looked for", &why);

	const struct service_server servers[] = {
		{ "postgresql", pg_host, pg_port, db ? pg_backend_pid(db) : 0 },
		{ "redis", redis_host, redis_port, 0 },
	};
	const struct service_sight sight = { .heartbeats = &heartbeats,
					     .servers = servers,
					     .n_servers = ARRAY_LEN(servers),
					     .remembered = remembered };
	bool ok = services_find(&sight, &s->services, err);

	pg_close(db);
	return ok;
}

bool service_set_find(const struct probe *p, const struct service_choice *choice,
		      struct service_set *ret, struct err *err)
{
	AUTO_SERVICE_SET struct service_set s = { .cautions = NULL };
	AUTO_NAMES struct names remembered = { .n = 0 };

	if (!remembered_read(config_get(p->config, "general.state_dir"), &remembered, err) ||
	    !find(p, &s, &remembered, err) ||
	    !services_choose(&s.services, choice->only, choice->exclude, err))
		return false;
	*ret = s;
	s = (struct service_set){ .cautions = NULL };
	return true;
}

void service_set_release(struct service_set *s)
{
	place_release(&s->place);
	services_release(&s->services);
	free(s->cautions);
	s->cautions = NULL;
}

static enum result no(char *why, size_t size, const char *text)
{
	(void)snprintf(why, size, "%s", text);
	return RESULT_FINDING;
}

static enum result database_answers(const struct service_set *s, char *why, size_t size)
{
	struct pg *db = NULL;
	struct err err;

	if (!s->place.conninfo)
		return RESULT_SKIPPED;
	bool ok = open_db(&s->place, &db, &err) && pg_exec(db, "SELECT 1", &err);
	pg_close(db);
	return ok ? RESULT_OK : no(why, size, err.text);
}

static enum result cache_answers(const struct probe *p, const struct service_set *s, char *why,
				 size_t size)
{
	struct redis_options o;
	struct redis *r = NULL;
	struct err err;

	cache_options(p->config, &s->place, &o);
	if (!o.url)
		return RESULT_SKIPPED;
	bool ok = redis_connect(&o, &r, &err) && redis_ping(r, &err);
	redis_close(r);
	return ok ? RESULT_OK : no(why, size, err.text);
}

/* Of a unit that was seen to, or that is called like one that does. */
static bool signs_on(const struct service *s)
{
	return s->kind == SERVICE_UNIT && strcmp(s->feature, "pulp") == 0 && s->unit.pid > 0 &&
	       (fnmatch("*-api*.service", s->name, 0) == 0 ||
		fnmatch("*-content*.service", s->name, 0) == 0 ||
		fnmatch("*-worker*.service", s->name, 0) == 0);
}

static enum result all_signed_on(const struct probe *p, const struct service_set *s, char *why,
				 size_t size)
{
	AUTO_NAMES struct names online = { .n = 0 }, units = { .n = 0 };
	struct pg *db = NULL;
	struct err err;

	if (!s->place.conninfo)
		return RESULT_SKIPPED;
	bool ok = open_db(&s->place, &db, &err) &&
		  read_heartbeats(p, &s->place, db, true, &online, &err);
	pg_close(db);
	if (!ok)
		return no(why, size, err.text);
	for (size_t i = 0; i < online.n; i++) {
		for (pid_t pid = 0; (pid = process_of_heartbeat(online.all[i], pid));) {
			AUTO_FREE char *unit = unit_of_process(pid);

			if (unit)
				names_add(&units, unit);
		}
	}
	for (size_t i = 0; i < s->services.n; i++) {
		const struct service *one = &s->services.all[i];

		if (!signs_on(one) || names_has(&units, one->name))
			continue;
		(void)snprintf(why, size, "%s has not signed on in Pulp's database", one->name);
		return RESULT_FINDING;
	}
	return RESULT_OK;
}

static bool says_well(const struct strbuf *body)
{
	struct json *status = NULL;
	struct err err;
	bool connected = false;

	if (!json_parse(body->data ? body->data : "", body->len, &status, &err))
		return false;
	bool ok = json_bool(json_get(status, "database_connection.connected"), &connected) &&
		  connected && json_count(json_get(status, "online_workers")) > 0 &&
		  json_count(json_get(status, "online_content_apps")) > 0;
	json_free(status);
	return ok;
}

static enum result status_answers(const struct probe *p, char *why, size_t size)
{
	const char *url = config_get(p->config, "throttle.status_url");
	const struct http_options o = { .timeout = ANSWER_SECONDS };
	AUTO_STRBUF struct strbuf body = { 0 };
	struct err err;
	long code;

	if (!url || !*url)
		return RESULT_SKIPPED;
	if (!http_get(url, &o, &body, &code, &err))
		return no(why, size, err.text);
	if (code != 200) {
		(void)snprintf(why, size, "Pulp's status is answered with HTTP %ld", code);
		return RESULT_FINDING;
	}
	return says_well(&body)
		       ? RESULT_OK
		       : no(why, size, "Pulp's status knows no database, worker or content app");
}

enum result service_set_answers(const struct probe *p, const struct service_set *s,
				const char *feature, char *why, size_t size)
{
	*why = '\0';
	if (strcmp(feature, "postgresql") == 0)
		return database_answers(s, why, size);
	if (strcmp(feature, "redis") == 0)
		return cache_answers(p, s, why, size);
	if (strcmp(feature, "pulp") != 0)
		return RESULT_SKIPPED;

	enum result signed_on = all_signed_on(p, s, why, size);

	if (signed_on == RESULT_FINDING)
		return signed_on;

	enum result status = status_answers(p, why, size);

	return status == RESULT_SKIPPED ? signed_on : status;
}
