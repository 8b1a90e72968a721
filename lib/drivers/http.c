/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request, one handle: it is asked for a few times a minute. */
#include "lib/drivers/http.h"
#include "lib/core/mem.h"
#include "lib/drivers/secret.h"
#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

enum { TIMEOUT_SECONDS = 10, MAX_BODY = 1 << 20 };

static pthread_once_t initialised = PTHREAD_ONCE_INIT;

static void initialise(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct sink {
	struct strbuf body;
	size_t max;
	bool too_large;
};

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
	struct sink *sink = arg;
	size_t len = size * n;
	sink->too_large = sink->body.len + len > sink->max;
	if (sink->too_large)
		return 0;
	strbuf_add(&sink->body, data, len);
	return len;
}

static enum err_code code_of(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return ERR_CONFIG;
	default:
		return ERR_CONNECT;
	}
}

/* The URL without user and password, for messages; the caller frees. */
static char *printable(const char *url)
{
	const char *start = strstr(url, "://");
	start = start ? start + 3 : url;
	const char *at = memrchr(start, '@', strcspn(start, "/?#"));
	return xasprintf("%.*s%s", (int)(start - url), url, at ? at + 1 : start);
}

static bool fail(CURLcode code, const char *verb, const char *url, const char *reason,
		 const struct sink *sink, struct err *err)
{
	AUTO_FREE char *shown = printable(url);
	if (sink->too_large)
		return err_set(err, ERR_DATA, "%s %s: the answer is larger than %zu bytes", verb,
			       shown, sink->max);
	err_set(err, code_of(code), "%s %s: %s", verb, shown,
		reason[0] ? reason : curl_easy_strerror(code));
	snprintf(err->native, sizeof err->native, "curl %d", (int)code);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		err_hint(err, "Name the authority that signed the server's certificate, and the "
			      "host as the certificate does.");
	return false;
}

/* What every request of ours has. */
static void set_up(CURL *c, const char *url, const struct http_options *o, struct sink *sink)
{
	double seconds = o->timeout > 0 ? o->timeout : TIMEOUT_SECONDS;
	curl_easy_setopt(c, CURLOPT_URL, url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "plmaint");
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(seconds * 1000));
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, sink);
	if (o->unix_socket)
		curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, o->unix_socket);
	if (o->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
	if (o->cert)
		curl_easy_setopt(c, CURLOPT_SSLCERT, o->cert);
	if (o->key)
		curl_easy_setopt(c, CURLOPT_SSLKEY, o->key);
}

/* libcurl copies what it is given. */
static bool sign(CURL *c, const struct http_options *o, struct err *err)
{
	AUTO_SECRET char *password = NULL;
	if (!o->user)
		return true;
	if (o->password_file && !secret_read(o->password_file, &password, err))
		return false;
	curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(c, CURLOPT_USERNAME, o->user);
	curl_easy_setopt(c, CURLOPT_PASSWORD, password ? password : "");
	return true;
}

/* json: the body of a POST; NULL: GET. */
static bool ask(CURL *c, const char *url, const char *json, const struct http_options *o,
		struct sink *sink, long *ret_status, struct err *err)
{
	char reason[CURL_ERROR_SIZE] = "";
	set_up(c, url, o, sink);
	if (json)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, json);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, reason);
	if (!sign(c, o, err))
		return false;
	struct curl_slist *headers =
		json ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	CURLcode code = curl_easy_perform(c);
	curl_slist_free_all(headers);
	if (code != CURLE_OK)
		return fail(code, json ? "POST" : "GET", url, reason, sink, err);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, ret_status);
	return true;
}

static bool request(const char *url, const char *json, const struct http_options *o,
		    struct strbuf *body, long *ret_status, struct err *err)
{
	pthread_once(&initialised, initialise);
	CURL *c = curl_easy_init();
	if (!c)
		return err_set(err, ERR_CONNECT, "libcurl cannot be initialised");
	struct sink sink = { .max = o->max_body ? o->max_body : MAX_BODY };
	bool ok = ask(c, url, json, o, &sink, ret_status, err);
	curl_easy_cleanup(c);
	if (ok)
		strbuf_add(body, sink.body.data, sink.body.len);
	strbuf_release(&sink.body);
	return ok;
}

bool http_get(const char *url, const struct http_options *o, struct strbuf *body, long *ret_status,
	      struct err *err)
{
	return request(url, NULL, o, body, ret_status, err);
}

bool http_post(const char *url, const char *json, const struct http_options *o, struct strbuf *body,
	       long *ret_status, struct err *err)
{
	return request(url, json, o, body, ret_status, err);
}
