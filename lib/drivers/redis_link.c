/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to Redis: TCP, a unix socket, or TLS over TCP.  Not hiredis's own: TLS came with hiredis
 * 1.0, which Debian 12 and EL 8 do not have, and its time limits are per read and not per command.
 * libssl writes with write(2): the program ignores SIGPIPE (lib/core/stop).
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/redis_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct redis_link {
	int fd;
	SSL_CTX *ctx; /* NULL without TLS */
	SSL *ssl;
	char *where; /* for messages: no secret */
};

static bool fail(struct err *err, const char *where, const char *what)
{
	err_set(err, ERR_CONNECT, "Redis at %s: %s", where, what);
	return err_hint(err, "Check that Redis runs and listens there, and redis.url.");
}

static bool fail_errno(struct err *err, const char *where, int error)
{
	return fail(err, where, error == ETIMEDOUT ? "no answer in time" : strerror(error));
}

/* False with errno = ETIMEDOUT when the time is over. */
static bool wait_for(int fd, short events, double deadline)
{
	for (;;) {
		double left = deadline - clock_monotonic();
		struct pollfd p = { .fd = fd, .events = events };
		int ready = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
		if (ready > 0)
			return true;
		if (ready == 0)
			errno = ETIMEDOUT;
		if (ready == 0 || errno != EINTR)
			return false;
	}
}

/* A connected socket or -1 with errno. */
static int connect_to(int family, const struct sockaddr *address, socklen_t len, double deadline)
{
	AUTO_FD int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;
	socklen_t size = sizeof error;
	if (fd < 0)
		return -1;
	if (connect(fd, address, len) != 0) {
		if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, deadline) ||
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
			return -1;
		if (error) {
			errno = error;
			return -1;
		}
	}
	if (family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	int connected = fd;
	fd = -1;
	return connected;
}

static int connect_local(const char *path, double deadline)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof a.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	return connect_to(AF_UNIX, (const struct sockaddr *)&a, sizeof a, deadline);
}

/* The first address that accepts. */
static bool connect_tcp(struct redis_link *l, const struct redis_address *a, double deadline,
			struct err *err)
{
	struct addrinfo *list = NULL;
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	int failed = getaddrinfo(a->host, a->port, &hints, &list);
	if (failed)
		return fail(err, l->where, gai_strerror(failed));
	int error = ECONNREFUSED;
	for (const struct addrinfo *i = list; i && l->fd < 0; i = i->ai_next) {
		l->fd = connect_to(i->ai_family, i->ai_addr, i->ai_addrlen, deadline);
		error = errno;
	}
	freeaddrinfo(list);
	return l->fd >= 0 || fail_errno(err, l->where, error);
}

/* What libssl has to say, in one line. */
static bool fail_tls(struct redis_link *l, struct err *err)
{
	long verdict = l->ssl ? SSL_get_verify_result(l->ssl) : X509_V_OK;
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);
	ERR_clear_error();
	if (verdict != X509_V_OK) {
		err_set(err, ERR_CONNECT, "Redis at %s: its certificate is not to be trusted: %s",
			l->where, X509_verify_cert_error_string(verdict));
		return err_hint(err, "Name the authority that signed it in redis.ca_file, and the "
				     "host as the certificate does.");
	}
	return err_set(err, ERR_CONNECT, "Redis at %s: TLS failed: %s", l->where,
		       reason ? reason : "the connection was closed");
}

/* After a call on ssl that returned n <= 0: waits for what it needs.  False: err is set. */
static bool wait_tls(struct redis_link *l, int n, double deadline, struct err *err)
{
	int why = SSL_get_error(l->ssl, n);
	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		return fail_tls(l, err);
	return wait_for(l->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline) ||
	       fail_errno(err, l->where, errno);
}

/* The name or address that the certificate must be for. */
static bool expect_host(SSL *ssl, const char *host)
{
	unsigned char ip[sizeof(struct in6_addr)];
	if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	/* SSL_set_tlsext_host_name would cast const away; it only reads. */
	void *name = (void *)(uintptr_t)host;
	return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1 &&
	       SSL_set1_host(ssl, host) == 1;
}

static bool start_tls(struct redis_link *l, const struct redis_address *a, double deadline,
		      struct err *err)
{
	ERR_clear_error();
	l->ctx = SSL_CTX_new(TLS_client_method());
	if (!l->ctx || SSL_CTX_set_min_proto_version(l->ctx, TLS1_2_VERSION) != 1)
		return fail_tls(l, err);
	if (a->ca_file ? SSL_CTX_load_verify_locations(l->ctx, a->ca_file, NULL) != 1
		       : SSL_CTX_set_default_verify_paths(l->ctx) != 1) {
		ERR_clear_error();
		err_set(err, ERR_CONFIG, "cannot read the certificates in %s",
			a->ca_file ? a->ca_file : "the system's store");
		return err_hint(err,
				"Name a file in PEM format that we can read in redis.ca_file.");
	}
	SSL_CTX_set_verify(l->ctx, SSL_VERIFY_PEER, NULL);
	l->ssl = SSL_new(l->ctx);
	if (!l->ssl || !expect_host(l->ssl, a->host) || SSL_set_fd(l->ssl, l->fd) != 1)
		return fail_tls(l, err);
	for (int n; (n = SSL_connect(l->ssl)) <= 0;) {
		if (wait_tls(l, n, deadline, err))
			continue;
		/* A Redis without TLS takes the greeting for half a command and waits for more. */
		if (SSL_get_verify_result(l->ssl) == X509_V_OK)
			err_hint(err, "Check that this port speaks TLS: redis:// is without it.");
		return false;
	}
	return true;
}

static bool open_link(struct redis_link *l, const struct redis_address *a, double deadline,
		      struct err *err)
{
	if (a->local) {
		l->fd = connect_local(a->host, deadline);
		return l->fd >= 0 || fail_errno(err, l->where, errno);
	}
	return connect_tcp(l, a, deadline, err) && (!a->tls || start_tls(l, a, deadline, err));
}

bool redis_link_open(const struct redis_address *a, const char *where, double deadline,
		     struct redis_link **ret, struct err *err)
{
	struct redis_link *l = xcalloc(1, sizeof *l);
	l->fd = -1;
	l->where = xstrdup(where);
	if (!open_link(l, a, deadline, err)) {
		redis_link_close(l);
		return false;
	}
	*ret = l;
	return true;
}

void redis_link_close(struct redis_link *l)
{
	if (!l)
		return;
	SSL_free(l->ssl);
	SSL_CTX_free(l->ctx);
	auto_close(&l->fd);
	free(l->where);
	free(l);
}

bool redis_link_write(struct redis_link *l, const char *p, size_t n, double deadline,
		      struct err *err)
{
	while (n > 0) {
		size_t done = 0;
		if (l->ssl) {
			ERR_clear_error();
			int ok = SSL_write_ex(l->ssl, p, n, &done);
			if (!ok && !wait_tls(l, ok, deadline, err))
				return false;
		} else {
			ssize_t sent = send(l->fd, p, n, MSG_NOSIGNAL);
			if (sent < 0 && errno != EINTR &&
			    (errno != EAGAIN || !wait_for(l->fd, POLLOUT, deadline)))
				return fail_errno(err, l->where, errno);
			done = sent > 0 ? (size_t)sent : 0;
		}
		p += done;
		n -= done;
	}
	return true;
}

bool redis_link_read(struct redis_link *l, char *p, size_t size, size_t *ret_n, double deadline,
		     struct err *err)
{
	for (;;) {
		if (l->ssl) {
			ERR_clear_error();
			int ok = SSL_read_ex(l->ssl, p, size, ret_n);
			if (ok)
				return true;
			if (!wait_tls(l, ok, deadline, err))
				return false;
		} else {
			ssize_t n = recv(l->fd, p, size, 0);
			if (n > 0) {
				*ret_n = (size_t)n;
				return true;
			}
			if (n == 0)
				return fail(err, l->where, "it closed the connection");
			if (errno != EINTR &&
			    (errno != EAGAIN || !wait_for(l->fd, POLLIN, deadline)))
				return fail_errno(err, l->where, errno);
		}
	}
}
