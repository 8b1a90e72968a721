/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line for the format, then a unit a line. */
#include "lib/host/remembered.h"

#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/drivers/fs.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 20 };
static const char file[] = "services";
static const char head[] = "plmaint services 1\n";

static bool damaged(const char *state_dir, struct err *err)
{
	(void)err_set(err, ERR_DATA, "'%s/%s' does not say which services were stopped", state_dir,
		      file);
	return err_hint(err, "Start the services with systemctl, then remove the file.");
}

static bool take(const char *text, struct names *ret)
{
	if (strncmp(text, head, sizeof(head) - 1) != 0)
		return false;
	for (const char *p = text + sizeof(head) - 1; *p;) {
		size_t len = strcspn(p, "\n");
		AUTO_FREE char *name = xstrndup(p, len);

		if (p[len] != '\n' || !unit_is_name(name))
			return false;
		names_add(ret, name);
		p += len + 1;
	}
	return true;
}

bool remembered_read(const char *state_dir, struct names *ret, struct err *err)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	AUTO_FD int fd = -1;
	char buf[4096];
	ssize_t n;

	if (!state_open(state_dir, file, O_RDONLY, &fd, err))
		return err->code == ERR_NOT_FOUND;
	while ((n = read(fd, buf, sizeof(buf))) > 0 && text.len < MOST_BYTES)
		strbuf_add(&text, buf, (size_t)n);
	if (n < 0)
		return err_errno(err, "cannot read '%s/%s'", state_dir, file);
	if (text.len && take(text.data, ret))
		return true;
	names_release(ret);
	return damaged(state_dir, err);
}

bool remembered_write(const char *state_dir, const struct names *names, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", state_dir, file);
	AUTO_STRBUF struct strbuf text = { 0 };

	if (names->n == 0)
		return state_remove(state_dir, file, err);
	strbuf_adds(&text, head);
	for (size_t i = 0; i < names->n; i++)
		strbuf_addf(&text, "%s\n", names->all[i]);
	return state_dir_make(state_dir, err) &&
	       fs_write_atomic(path, text.data, text.len, 0640, err);
}
