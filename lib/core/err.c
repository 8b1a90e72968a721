/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors as values: filled in place, so that reporting works when nothing else does. */
#include "lib/core/err.h"

#include "lib/core/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

PRINTF_LIKE(3, 0)
static void set_text(struct err *err, enum err_code code, const char *fmt, va_list ap)
{
	/* Through a copy: an argument may be the text or hint that is being replaced. */
	char text[sizeof(err->text)];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	text_agree(err->text, text);
	err->code = code;
	err->hint[0] = '\0';
	err->native[0] = '\0';
}

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(err, code, fmt, ap);
	va_end(ap);
	return false;
}

bool err_errno(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	enum err_code code = ERR_IO;
	const char *name = strerrorname_np(saved);
	va_list ap;

	if (saved == EACCES || saved == EPERM)
		code = ERR_DENIED;
	else if (saved == ENOENT || saved == ENOTDIR)
		code = ERR_NOT_FOUND;
	va_start(ap, fmt);
	set_text(err, code, fmt, ap);
	va_end(ap);

	size_t used = strlen(err->text);

	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(saved));
	(void)snprintf(err->native, sizeof(err->native), "%s", name ? name : "");
	return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
	char context[sizeof(err->text)], old[sizeof(err->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	memcpy(old, err->text, sizeof(old));
	/* What does not fit is cut: the context says more than the tail. */
	if (snprintf(err->text, sizeof(err->text), "%s: %s", context, old) < 0)
		memcpy(err->text, old, sizeof(old));
	return false;
}

bool err_hint(struct err *err, const char *fmt, ...)
{
	char hint[sizeof(err->hint)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	memcpy(err->hint, hint, sizeof(hint));
	return false;
}

bool err_session_lost(const struct err *err)
{
	return (err->code == ERR_CONNECT && strncmp(err->native, "08", 2) == 0) ||
	       ((err->code == ERR_CONNECT || err->code == ERR_RETRY) &&
		strncmp(err->native, "57P0", 4) == 0);
}

const char *err_code_name(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return "none";
	case ERR_USAGE:
		return "usage";
	case ERR_CONFIG:
		return "config";
	case ERR_CONNECT:
		return "connect";
	case ERR_DENIED:
		return "denied";
	case ERR_DB:
		return "db";
	case ERR_RETRY:
		return "retry";
	case ERR_DATA:
		return "data";
	case ERR_IO:
		return "io";
	case ERR_NOT_FOUND:
		return "not-found";
	case ERR_UNSUPPORTED:
		return "unsupported";
	case ERR_LOCKED:
		return "locked";
	case ERR_STOPPED:
		return "stopped";
	case ERR_HELD:
		return "held";
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_BUG:
		return "bug";
	}
	return "bug";
}
