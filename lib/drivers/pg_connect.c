/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sessions: how one is opened, what is pinned in it, and why it could not be had.
 *
 * Settings go in as start-up options and not as SET statements: a transaction pooler would hand a
 * SET (read only!) on to Pulp's next statement in the same server session, while it refuses
 * start-up options.  A pooler that was told to ignore them is found out: see options_arrived.
 *
 * The connection is made with libpq's non-blocking calls, since only there the verbosity can be set
 * before the server refuses us: its text comes in its own language, the SQLSTATE does not.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/pg_internal.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECT_SECONDS = 10, /* for each address that the host name has */
	CANCEL_TEXT = 256
};
#define IDLE_IN_TRANSACTION "30s" /* a stopped plmaint must not hold row locks of a live Pulp */
#define UNACKED_MS "30000"
/* The server prints intervals so only when our options have reached it: nobody's default. */
#define TELLTALE "iso_8601"

void pg_ignore_environment(void)
{
	for (char **e = environ; *e;) {
		const char *entry = *e;
		size_t len = strcspn(entry, "=");
		AUTO_FREE char *name = xstrndup(entry, len);
		bool ours = strncmp(name, "PG", 2) == 0 && strcmp(name, "PGSERVICEFILE") != 0 &&
			    strcmp(name, "PGSYSCONFDIR") != 0;
		if (ours)
			unsetenv(name); /* moves the following entries up */
		else
			e++;
	}
}

static void ignore_notice(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static void keep_warning(void *arg, const PGresult *res)
{
	struct pg *pg = arg;
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (severity && strcmp(severity, "WARNING") == 0)
		pg_fail(pg, res, &pg->warning);
}

/* Start-up options, after those of the connection string, so that ours win. */
static void add_options(struct strbuf *b, const struct pg_options *o)
{
	strbuf_adds(b, " -c IntervalStyle=" TELLTALE " -c DateStyle=ISO -c TimeZone=UTC"
		       " -c bytea_output=hex -c extra_float_digits=1 -c jit=off");
	if (o->read_only)
		strbuf_adds(b, " -c default_transaction_read_only=on");
	else
		strbuf_adds(b, " -c default_transaction_read_only=off"
			       " -c idle_in_transaction_session_timeout=" IDLE_IN_TRANSACTION);
	strbuf_addf(b, " -c statement_timeout=%d -c lock_timeout=%d", o->statement_timeout_ms,
		    o->lock_timeout_ms);
}

/*
 * The connection string as keyword and value arrays for libpq, ours in place of the same words in
 * it.  Values are borrowed from info, options and o.
 */
static size_t make_params(const PQconninfoOption *info, const struct pg_options *o,
			  const char *options, const char **keys, const char **values)
{
	const char *const ours[][2] = {
		{ "application_name", o->application_name },
		{ "client_encoding", "UTF8" },
		{ "options", options },
	};
	const char *const defaults[][2] = {
		{ "keepalives", "1" },
		{ "keepalives_idle", "15" }, /* seconds */
		{ "keepalives_interval", "5" },
		{ "keepalives_count", "3" },
		{ "tcp_user_timeout", UNACKED_MS },
	};
	size_t n = 0;
	/* Later words win over earlier ones, so: defaults, the string, ours. */
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++, n++) {
		keys[n] = defaults[i][0];
		values[n] = defaults[i][1];
	}
	for (; info->keyword; info++) {
		if (info->val) {
			keys[n] = info->keyword;
			values[n++] = info->val;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(ours); i++, n++) {
		keys[n] = ours[i][0];
		values[n] = ours[i][1];
	}
	keys[n] = values[n] = NULL;
	return n;
}

/*
 * Drives the connection to its end.  What does not answer in time gets its socket shut down.  After
 * an address that has not even accepted libpq goes on to the next one; a server that has accepted
 * and hangs is the end, since only libpq's own blocking loop can leave that.  Returns false when
 * the last one timed out.
 */
static bool drive(PGconn *conn, double seconds)
{
	double deadline = clock_monotonic() + seconds;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	bool late = false;
	while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
		double left = deadline - clock_monotonic();
		struct pollfd p = { .fd = PQsocket(conn),
				    .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT };
		int ready = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		late = ready <= 0;
		if (late) {
			shutdown(p.fd, SHUT_RDWR);
			deadline = clock_monotonic() + seconds;
		}
		state = PQconnectPoll(conn);
	}
	return !late;
}

/*
 * Takes "...  28P01: text" apart, the last refusal when there are several.  Returns the text's
 * start and fills state; the whole message and "" when the server itself has said nothing.
 */
static const char *refusal(const char *message, char state[6])
{
	const char *found = NULL;
	for (const char *p = message; (p = strstr(p, ":  ")) != NULL; p += 3)
		if (strspn(p + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && p[8] == ':')
			found = p + 3;
	state[0] = '\0';
	if (!found)
		return message;
	memcpy(state, found, 5);
	state[5] = '\0';
	return found + 7;
}

static void hint_for(struct err *err, const char *state, const char *text, const char *user,
		     const char *database)
{
	/* The one word of the message that no translation changes. */
	if (strcmp(state, "28000") == 0 && strcasestr(text, "peer"))
		err_hint(
			err,
			"Over its socket this server takes role \"%s\" only from the system user whom "
			"it knows as that: run the same as `sudo -u %s plmaint ...`.",
			user, user);
	else if (strncmp(state, "28", 2) == 0)
		err_hint(err,
			 "Check role \"%s\" and its password (database.pulp.conninfo, "
			 "database.pulp.password_file), and the server's pg_hba.conf.",
			 user);
	else if (strcmp(state, "3D000") == 0)
		err_hint(err, "There is no database \"%s\" on this server: name Pulp's database.",
			 database);
	else if (strcmp(state, "53300") == 0)
		err_hint(err, "The server has no connection to spare: raise max_connections or the "
			      "role's limit, or stop a client.");
	else if (strcmp(state, "57P03") == 0)
		err_hint(err, "The server is starting, stopping or recovering: try again later.");
	else if (strncmp(state, "08P01", 5) == 0)
		err_hint(err, "This looks like a pooler such as PgBouncer: connect to PostgreSQL "
			      "itself.");
	else if (state[0])
		err_hint(err, "The server refused the session: see its log.");
	else
		err_hint(err, "Check that PostgreSQL runs and listens there, and the host and port "
			      "in database.pulp.conninfo.");
}

/* Never the connection string: it may hold a password. */
static bool fail_connect(PGconn *conn, bool in_time, double seconds, struct err *err)
{
	char state[6];
	const char *text = refusal(PQerrorMessage(conn), state);
	const char *host = PQhost(conn), *port = PQport(conn);
	const char *user = PQuser(conn), *database = PQdb(conn);
	char where[200];
	snprintf(where, sizeof where, "database \"%s\" at %s:%s as \"%s\"",
		 database ? database : "", host ? host : "", port ? port : "", user ? user : "");
	if (in_time || state[0])
		err_set(err, ERR_CONNECT, "cannot connect to %s: %.*s", where,
			(int)strcspn(text, "\n"), text);
	else
		err_set(err, ERR_CONNECT, "cannot connect to %s: no answer within %g s", where,
			seconds);
	snprintf(err->native, sizeof err->native, "%s", state[0] ? state : "08001");
	hint_for(err, state, text, user ? user : "", database ? database : "");
	/* A reason of libpq itself: a wrong certificate, a missing password. */
	if (!state[0] && PQconnectionNeedsPassword(conn))
		err_hint(err, "The server wants a password: set database.pulp.password_file.");
	return false;
}

/* False through a pooler that drops start-up options: nothing we rely on would hold. */
static bool options_arrived(PGconn *conn, struct err *err)
{
	const char *style = PQparameterStatus(conn, "IntervalStyle");
	if (style && strcmp(style, TELLTALE) == 0)
		return true;
	err_set(err, ERR_UNSUPPORTED,
		"the session at %s:%s does not have the settings it was opened with", PQhost(conn),
		PQport(conn));
	return err_hint(err, "A pooler such as PgBouncer in between drops them: connect to "
			     "PostgreSQL itself.");
}

static PGconn *start(const PQconninfoOption *info, const struct pg_options *o)
{
	AUTO_STRBUF struct strbuf options = { 0 };
	const char *given = pg_conninfo_value(info, "options");
	strbuf_adds(&options, given ? given : "");
	add_options(&options, o);
	const char *keys[128], *values[128]; /* libpq knows about 45 words */
	make_params(info, o, options.data, keys, values);
	PGconn *conn = PQconnectStartParams(keys, values, 0);
	if (conn) {
		PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
		PQsetNoticeProcessor(conn, ignore_notice, NULL);
	}
	return conn;
}

static bool connect_info(const PQconninfoOption *info, const struct pg_options *o, struct pg **ret,
			 struct err *err)
{
	double seconds = o->connect_timeout_s > 0 ? o->connect_timeout_s : CONNECT_SECONDS;
	PGconn *conn = start(info, o);
	if (!conn)
		return err_set(err, ERR_CONNECT, "libpq is out of memory");
	bool in_time = PQstatus(conn) == CONNECTION_BAD || drive(conn, seconds);
	bool ok = PQstatus(conn) == CONNECTION_OK;
	if (!ok)
		fail_connect(conn, in_time, seconds, err);
	else
		ok = options_arrived(conn, err);
	if (!ok) {
		PQfinish(conn);
		return false;
	}
	struct pg *pg = xcalloc(1, sizeof *pg);
	pg->conn = conn;
	pg->cancel = PQgetCancel(conn);
#ifndef PG_PIPELINE
	pg->sequential = true;
#endif
	PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
	PQsetNoticeReceiver(conn, keep_warning, pg);
	*ret = pg;
	return true;
}

bool pg_where(const char *conninfo, char **ret_host, char **ret_port, struct err *err)
{
	PQconninfoOption *info = pg_conninfo_parse(conninfo, err);
	if (!info)
		return false;
	const char *host = pg_conninfo_value(info, "hostaddr"),
		   *port = pg_conninfo_value(info, "port");
	if (!host || !*host)
		host = pg_conninfo_value(info, "host");
	if (!host || !*host)
		host = "/var/run/postgresql";
	if (!port || !*port)
		port = "5432";
	*ret_port = xstrndup(port, strcspn(port, ","));
	*ret_host = *host == '/' ? xasprintf("%.*s/.s.PGSQL.%s", (int)strcspn(host, ","), host,
					     *ret_port)
				 : xstrndup(host, strcspn(host, ","));
	PQconninfoFree(info);
	return true;
}

bool pg_connect(const struct pg_options *o, struct pg **ret, struct err *err)
{
	PQconninfoOption *info = pg_conninfo_parse(o->conninfo, err);
	if (!info)
		return false;
	bool ok = connect_info(info, o, ret, err);
	PQconninfoFree(info);
	return ok;
}

void pg_close(struct pg *pg)
{
	if (!pg)
		return;
	pg_pipe_release(pg);
	PQfreeCancel(pg->cancel);
	PQfinish(pg->conn);
	free(pg);
}

bool pg_alive(const struct pg *pg)
{
	if (PQstatus(pg->conn) != CONNECTION_OK)
		return false;
	struct pollfd p = { .fd = PQsocket(pg->conn), .events = POLLRDHUP };
	return poll(&p, 1, 0) <= 0 || !(p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

bool pg_at_rest(struct pg *pg)
{
	struct err ignored;

	return pg->piped == 0 && PQtransactionStatus(pg->conn) == PQTRANS_IDLE &&
	       pg_server_version(pg) >= 150000 &&
	       pg_query(pg, "SELECT pg_stat_force_next_flush()", NULL, 0, NULL, &ignored);
}

bool pg_renew(struct pg *pg, struct err *err)
{
	pg->warning = (struct err){ 0 };
	return pg_exec(pg, "DISCARD ALL", err);
}

const char *pg_name(const struct pg *pg)
{
	const char *name = PQparameterStatus(pg->conn, "application_name");

	return name ? name : "";
}

bool pg_warned(struct pg *pg, struct err *ret)
{
	*ret = pg->warning;
	pg->warning = (struct err){ 0 };
	return ret->code != ERR_NONE;
}

int pg_backend_pid(const struct pg *pg)
{
	return PQbackendPID(pg->conn);
}

int pg_server_version(const struct pg *pg)
{
	return PQserverVersion(pg->conn);
}

int pg_socket(const struct pg *pg)
{
	return PQsocket(pg->conn);
}

void pg_cancel(const struct pg *pg)
{
	char ignored[CANCEL_TEXT];
	if (pg->cancel)
		(void)PQcancel(pg->cancel, ignored, sizeof ignored);
}
