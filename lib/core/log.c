/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line is one write, so that lines of several processes on one terminal do not mix. */
#include "lib/core/log.h"

#include "lib/core/strbuf.h"
#include "lib/core/text.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* The only mutable global beside the wish to stop: a log call has no argument to carry it. */
static enum log_level level = LOG_NORMAL;

void log_level_set(enum log_level l)
{
	level = l;
}

static void put(const char *kind, const char *text, const char *hint)
{
	AUTO_STRBUF struct strbuf line = { 0 };
	int saved = errno;

	strbuf_addf(&line, "plmaint: %s", kind);
	text_escape(&line, text);
	strbuf_adds(&line, "\n");
	if (hint && *hint) {
		strbuf_adds(&line, "  hint: ");
		text_escape(&line, hint);
		strbuf_adds(&line, "\n");
	}
	if (write(STDERR_FILENO, line.data, line.len) < 0)
		errno = saved; /* there is nowhere left to say so */
}

void log_err(const struct err *err)
{
	put("", err->text, err->hint);
}

void log_warning(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (level > LOG_QUIET)
		put("warning: ", text, NULL);
}

void log_verbose(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (level < LOG_VERBOSE)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put("", text, NULL);
}
