/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Web servers differ in where their configuration is and agree in one word before the file's name.
 * What is included from elsewhere is not followed: distributions and Pulp's installers put sites
 * into these directories.
 */
#include "lib/host/certificates.h"

#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_TEXT = 1 << 20 };

static const char *const directories[] = { "/etc/nginx",
					   "/etc/nginx/conf.d",
					   "/etc/nginx/sites-enabled",
					   "/etc/nginx/pulp",
					   "/etc/httpd/conf.d",
					   "/etc/httpd/conf.d/05-foreman-ssl.d",
					   "/etc/apache2/sites-enabled" };
static const char *const words[] = { "ssl_certificate", "SSLCertificateFile" };
/* Of Katello and of smart proxies, where they exist: of the services behind the web server. */
static const char *const files[] = { "/etc/pki/katello/certs/pulp-client.crt",
				     "/etc/pki/katello/certs/katello-default-ca.crt",
				     "/etc/pki/katello/certs/katello-server-ca.crt",
				     "/etc/foreman/client_cert.pem",
				     "/etc/foreman-proxy/ssl_cert.pem",
				     "/etc/foreman-proxy/foreman_ssl_cert.pem" };
static const char *const authorities[] = { "/etc/pki/katello/certs/katello-default-ca.crt",
					   "/etc/pki/katello/certs/katello-server-ca.crt",
					   "/etc/foreman-proxy/ssl_ca.pem",
					   "/etc/foreman-proxy/foreman_ssl_ca.pem" };

void certificates_named(const char *text, void (*fn)(void *arg, const char *path), void *arg)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + strspn(line, " \t");

		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			size_t len = strlen(words[i]);

			if (strncmp(at, words[i], len) != 0 || !strchr(" \t", at[len]))
				continue;
			at += len;
			at += strspn(at, " \t\"'");

			AUTO_FREE char *path = xstrndup(at, strcspn(at, " \t\n;\"'"));

			/* Others are relative, or made of variables when a client comes. */
			if (path[0] == '/' && !strchr(path, '$'))
				fn(arg, path);
			break;
		}
	}
}

/* A FIFO among them would hold whoever opens it. */
static void read_text(const char *path, struct strbuf *out)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char buf[4096];
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	while (out->len < MOST_TEXT && (n = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(out, buf, (size_t)n);
}

/* Each path once. */
struct once {
	void (*fn)(void *arg, const char *path);
	void *arg;
	struct strbuf seen; /* "\n/a\n/b\n" */
};

static void tell_once(void *arg, const char *path)
{
	struct once *o = arg;
	AUTO_FREE char *line = xasprintf("\n%s\n", path);

	if (o->seen.len && strstr(o->seen.data, line))
		return;
	strbuf_adds(&o->seen, line);
	o->fn(o->arg, path);
}

/* Calls fn with the text of each file of a web server's configuration. */
static void each_text(void (*fn)(void *arg, const char *text), void *arg)
{
	struct dirent *entry;

	for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
		AUTO_DIR DIR *dir = opendir(directories[i]);

		while (dir && (entry = readdir(dir))) {
			AUTO_FREE char *path = xasprintf("%s/%s", directories[i], entry->d_name);
			AUTO_STRBUF struct strbuf text = { 0 };

			if (entry->d_name[0] == '.')
				continue;
			read_text(path, &text);
			if (text.len)
				fn(arg, text.data);
		}
	}
}

static void tell_named(void *arg, const char *text)
{
	certificates_named(text, tell_once, arg);
}

void certificates_find(void (*fn)(void *arg, const char *path), void *arg)
{
	struct once once = { .fn = fn, .arg = arg };

	each_text(tell_named, &once);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (access(files[i], F_OK) == 0)
			tell_once(&once, files[i]);
	strbuf_release(&once.seen);
}

struct sought {
	const char *word;
	bool found;
};

static void seek(void *arg, const char *text)
{
	struct sought *s = arg;

	s->found |= strstr(text, s->word) != NULL;
}

bool web_server_says(const char *word)
{
	struct sought s = { .word = word };

	each_text(seek, &s);
	return s.found;
}

void certificates_authorities(void (*fn)(void *arg, const char *path), void *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(authorities); i++)
		if (access(authorities[i], F_OK) == 0)
			fn(arg, authorities[i]);
}

void certificates_listed(const char *list, void (*fn)(void *arg, const char *path), void *arg)
{
	for (;;) {
		AUTO_FREE char *path = list_take(&list);

		if (!path)
			return;
		fn(arg, path);
	}
}
