/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Django and redis-py make of Pulp's settings, said in libpq's and Redis' own words: Django's
 * PostgreSQL backend hands HOST, PORT, NAME, USER, PASSWORD and most of OPTIONS to libpq as they
 * are.
 */
#include "lib/pulp/settings_values.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/pulp/settings.h"
#include <stdlib.h>
#include <string.h>

const char *const settings_wanted[] = {
	"DATABASES",	   "MEDIA_ROOT",
	"STORAGES",	   "DEFAULT_FILE_STORAGE",
	"CACHE_ENABLED",   "REDIS_URL",
	"REDIS_HOST",	   "REDIS_PORT",
	"REDIS_DB",	   "REDIS_PASSWORD",
	"REDIS_SSL",	   "REDIS_SSL_CA_CERTS",
	"DOMAIN_ENABLED",  "DB_ENCRYPTION_KEY",
	"API_APP_TTL",	   "WORKER_TTL",
	"CONTENT_APP_TTL", NULL,
};

/* Members of OPTIONS that are libpq's; the others (pool, isolation_level, ...) are Django's own. */
static const char *const libpq_options[] = {
	"service",
	"passfile",
	"hostaddr",
	"connect_timeout",
	"options",
	"sslmode",
	"sslcompression",
	"sslcert",
	"sslkey",
	"sslpassword",
	"sslrootcert",
	"sslcrl",
	"sslcrldir",
	"sslsni",
	"sslnegotiation",
	"sslcertmode",
	"requirepeer",
	"require_auth",
	"channel_binding",
	"ssl_min_protocol_version",
	"gssencmode",
	"krbsrvname",
	"gsslib",
	"ssl_max_protocol_version",
	"keepalives",
	"keepalives_idle",
	"keepalives_interval",
	"keepalives_count",
	"tcp_user_timeout",
	"target_session_attrs",
	"load_balance_hosts",
};

/* Text of a string or an integer, "" for null, absent and empty; borrowed or in buf. */
static const char *scalar(const struct json *v, char buf[32])
{
	long number;

	if (!v || json_is_null(v))
		return "";
	if (json_long(v, &number)) {
		snprintf(buf, 32, "%ld", number);
		return buf;
	}
	const char *text = json_text(v);
	return text ? text : "";
}

static bool flag(const struct json *all, const char *name)
{
	bool value;
	const struct json *v = json_get(all, name);
	return v && json_bool(v, &value) && value;
}

static double seconds(const struct json *all, const char *name, double fallback)
{
	long value;
	const struct json *v = json_get(all, name);
	return v && json_long(v, &value) && value > 0 ? (double)value : fallback;
}

/* key='value', with libpq's own escapes (PostgreSQL manual, 34.1.1.1). */
static void add_pair(struct strbuf *out, const char *key, const char *value)
{
	if (!*value)
		return;
	strbuf_addf(out, "%s%s='", out->len ? " " : "", key);
	for (const char *p = value; *p; p++) {
		if (*p == '\'' || *p == '\\')
			strbuf_adds(out, "\\");
		strbuf_add(out, p, 1);
	}
	strbuf_adds(out, "'");
}

/* Django's assume_role is a SET ROLE after connecting; as a start option it holds from the first
 * statement on. */
static void add_role(struct strbuf *options, const char *role)
{
	if (!*role)
		return;
	strbuf_adds(options, options->len ? " -c role=" : "-c role=");
	for (const char *p = role; *p; p++) {
		if (*p == ' ' || *p == '\\')
			strbuf_adds(options, "\\");
		strbuf_add(options, p, 1);
	}
}

static bool conninfo_of(const struct json *all, const char *source, char **ret, struct err *err)
{
	struct strbuf out AUTO_STRBUF = { 0 }, options AUTO_STRBUF = { 0 };
	char buf[32];
	const struct json *databases = json_get(all, "DATABASES");
	const struct json *db = databases ? json_get(databases, "default") : NULL;
	const struct json *extra = db ? json_get(db, "OPTIONS") : NULL;

	if (!databases) {
		*ret = xstrdup("dbname='pulp' user='pulp'");
		return true;
	}
	if (!db) {
		err_set(err, ERR_CONFIG, "%s: DATABASES has no \"default\"", source);
		return err_hint(err, "Name Pulp's database in database.pulp.conninfo.");
	}
	const char *engine = scalar(json_get(db, "ENGINE"), buf);
	if (*engine && !strstr(engine, "postgresql") && !strstr(engine, "postgis")) {
		err_set(err, ERR_UNSUPPORTED, "%s: the database is not PostgreSQL but %s", source,
			engine);
		return err_hint(err, "Name Pulp's database in database.pulp.conninfo.");
	}
	add_pair(&out, "host", scalar(json_get(db, "HOST"), buf));
	add_pair(&out, "port", scalar(json_get(db, "PORT"), buf));
	add_pair(&out, "dbname", scalar(json_get(db, "NAME"), buf));
	add_pair(&out, "user", scalar(json_get(db, "USER"), buf));
	add_pair(&out, "password", scalar(json_get(db, "PASSWORD"), buf));
	for (size_t i = 0; extra && i < ARRAY_LEN(libpq_options); i++) {
		const char *value = scalar(json_get(extra, libpq_options[i]), buf);
		if (strcmp(libpq_options[i], "options") == 0)
			strbuf_adds(&options, value);
		else
			add_pair(&out, libpq_options[i], value);
	}
	add_role(&options, extra ? scalar(json_get(extra, "assume_role"), buf) : "");
	add_pair(&out, "options", options.len ? options.data : "");
	if (!*scalar(json_get(db, "NAME"), buf) && !(extra && json_get(extra, "service"))) {
		err_set(err, ERR_CONFIG, "%s: DATABASES names no database", source);
		return err_hint(err, "Name Pulp's database in database.pulp.conninfo.");
	}
	*ret = strbuf_take(&out);
	return true;
}

/* RFC 3986: all but the unreserved characters. */
static void add_escaped(struct strbuf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || (c && strchr("-._~", c));
		if (plain)
			strbuf_add(out, p, 1);
		else
			strbuf_addf(out, "%%%02X", c);
	}
}

static bool redis_of(const struct json *all, const char *source, char **ret, struct err *err)
{
	struct strbuf out AUTO_STRBUF = { 0 };
	char buf[32];
	const char *url = scalar(json_get(all, "REDIS_URL"), buf);

	if (*url) {
		*ret = xstrdup(url);
		return true;
	}
	const char *host = scalar(json_get(all, "REDIS_HOST"), buf);
	if (!*host) {
		err_set(err, ERR_CONFIG, "%s: CACHE_ENABLED without REDIS_URL or REDIS_HOST",
			source);
		return err_hint(err, "Name the content cache in redis.url.");
	}
	strbuf_adds(&out, flag(all, "REDIS_SSL") ? "rediss://" : "redis://");
	const char *password = scalar(json_get(all, "REDIS_PASSWORD"), buf);
	if (*password) {
		strbuf_adds(&out, ":");
		add_escaped(&out, password);
		strbuf_adds(&out, "@");
	}
	strbuf_addf(&out, strchr(host, ':') ? "[%s]" : "%s", host);
	const char *port = scalar(json_get(all, "REDIS_PORT"), buf);
	strbuf_addf(&out, ":%s", *port ? port : "6379");
	const char *db = scalar(json_get(all, "REDIS_DB"), buf);
	strbuf_addf(&out, "/%s", *db ? db : "0");
	const char *ca = scalar(json_get(all, "REDIS_SSL_CA_CERTS"), buf);
	if (*ca && flag(all, "REDIS_SSL")) {
		strbuf_adds(&out, "?ssl_ca_certs=");
		add_escaped(&out, ca);
	}
	*ret = strbuf_take(&out);
	return true;
}

static bool is_file_system(const char *class)
{
	return !*class || text_ends_with(class, ".FileSystem") ||
	       text_ends_with(class, ".FileSystemStorage");
}

/* The older name says something only where it says another backend than the default. */
static bool storage_of(const struct json *all, const char *source, struct place *place,
		       struct err *err)
{
	char buf[32];
	const char *class = scalar(json_get(all, "DEFAULT_FILE_STORAGE"), buf);
	const char *root = NULL;

	if (is_file_system(class)) {
		class = scalar(json_get(all, "STORAGES.default.BACKEND"), buf);
		root = scalar(json_get(all, "STORAGES.default.OPTIONS.location"), buf);
	}
	if (!is_file_system(class)) {
		place->storage_class = xstrdup(class);
		return true;
	}
	if (!*root)
		root = json_get(all, "MEDIA_ROOT") ? scalar(json_get(all, "MEDIA_ROOT"), buf)
						   : "/var/lib/pulp/media";
	if (*root != '/') {
		err_set(err, ERR_CONFIG, "%s: MEDIA_ROOT is not an absolute path: \"%s\"", source,
			root);
		return err_hint(err, "Name the directory of Pulp's artifacts in pulp.media_root.");
	}
	place->media_root = xstrdup(root);
	return true;
}

bool settings_values(const struct json *all, const char *source, struct place *ret, struct err *err)
{
	char buf[32];
	struct place place = {
		.cache_enabled = flag(all, "CACHE_ENABLED"),
		.domain_enabled = flag(all, "DOMAIN_ENABLED"),
		.api_ttl = seconds(all, "API_APP_TTL", 120),
		.content_ttl = seconds(all, "CONTENT_APP_TTL", 30),
		.worker_ttl = seconds(all, "WORKER_TTL", 30),
	};

	if (!conninfo_of(all, source, &place.conninfo, err) ||
	    !storage_of(all, source, &place, err) ||
	    (place.cache_enabled && !redis_of(all, source, &place.redis_url, err))) {
		place_release(&place);
		return false;
	}
	const char *key = scalar(json_get(all, "DB_ENCRYPTION_KEY"), buf);
	place.encryption_key =
		xstrdup(*key ? key : "/etc/pulp/certs/database_fields.symmetric.key");
	*ret = place;
	return true;
}

char *conninfo_with_password(const char *conninfo, const char *password)
{
	struct strbuf out = { 0 };

	strbuf_adds(&out, conninfo);
	if (strncmp(conninfo, "postgresql://", 13) == 0 ||
	    strncmp(conninfo, "postgres://", 11) == 0) {
		strbuf_adds(&out, strchr(conninfo, '?') ? "&password=" : "?password=");
		add_escaped(&out, password);
	} else {
		add_pair(&out, "password", password);
	}
	return strbuf_take(&out);
}

void place_release(struct place *place)
{
	free(place->conninfo);
	free(place->conninfo_source);
	free(place->settings_source);
	free(place->settings_inside);
	free(place->media_root);
	free(place->storage_class);
	free(place->redis_url);
	free(place->encryption_key);
	*place = (struct place){ .domain_enabled = -1 };
}
