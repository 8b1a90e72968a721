/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Password files. */
#include "lib/drivers/secret.h"
#include "lib/core/mem.h"
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWORD_MAX = 4096 }; /* bytes of the file */

void secret_wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static bool first_line(const char *text, const char *path, char **ret, struct err *err)
{
	text += strspn(text, " \t");
	size_t len = strcspn(text, "\n");
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len == 0)
		return err_set(err, ERR_CONFIG, "the first line of the password file %s is empty",
			       path);
	*ret = xstrndup(text, len);
	return true;
}

bool secret_read(const char *path, char **ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, "cannot read the password file %s", path);
	if (st.st_mode & (S_IROTH | S_IWOTH)) {
		err_set(err, ERR_DENIED, "the password file %s is open to everybody", path);
		return err_hint(err, "chmod o= %s, and change the password.", path);
	}
	char text[PASSWORD_MAX + 1];
	ssize_t n = read(fd, text, sizeof text);
	if (n < 0)
		return err_errno(err, "cannot read the password file %s", path);
	bool ok = n < (ssize_t)sizeof text;
	text[ok ? n : PASSWORD_MAX] = '\0';
	ok = ok ? first_line(text, path, ret, err)
		: err_set(err, ERR_CONFIG, "the password file %s is too long", path);
	explicit_bzero(text, sizeof text);
	return ok;
}
