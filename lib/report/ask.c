/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking on the terminal: question on stderr, since stdout is the report. */
#include "lib/report/ask.h"

#include "lib/core/stop.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Empty when the operator typed nothing or asked to stop. */
static void read_answer(char *out, size_t size)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = stop_fd(), .events = POLLIN } };
	ssize_t n = 0;

	out[0] = '\0';
	while (!stop_requested()) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			n = read(STDIN_FILENO, out, size - 1);
		break;
	}
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
}

bool ask_yes(const struct session *s, struct err *err, const char *fmt, ...)
{
	AUTO_STRBUF struct strbuf safe = { 0 };
	char question[512], answer[64];
	va_list ap;

	if (s->assume_yes)
		return true;
	va_start(ap, fmt);
	(void)vsnprintf(question, sizeof(question), fmt, ap);
	va_end(ap);
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		(void)err_set(err, ERR_USAGE, "this needs a yes and there is no terminal to ask");
		return err_hint(err, "Add --assumeyes.");
	}
	text_escape(&safe, question);
	(void)dprintf(STDERR_FILENO, "%s [y/N] ", safe.data);
	read_answer(answer, sizeof(answer));
	return strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0 || strcmp(answer, "Y") == 0 ||
	       err_set(err, ERR_STOPPED, "not confirmed: nothing was done");
}
