/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads one line at a time: a list may be of millions. */
#include "lib/store/listing.h"

#include "lib/core/mem.h"
#include "lib/drivers/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listing {
	FILE *file;
	char *name, *line;
	size_t room, number;
	struct listing_row row;
};

static const char escaped[] = "\b\f\n\r\t\v\\";
static const char letters[] = "bfnrtv\\";

bool listing_open(const char *path, struct listing **ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (!f)
		return err_errno(err, "cannot read %s", path);
	fd = -1;
	(void)setvbuf(f, NULL, _IOFBF, LISTING_BUFFER);
	struct listing *l = xcalloc(1, sizeof(*l));
	l->file = f;
	l->name = xstrdup(path);
	*ret = l;
	return true;
}

void listing_close(struct listing *l)
{
	if (!l)
		return;
	auto_fclose(&l->file);
	free(l->name);
	free(l->line);
	free(l);
}

bool listing_unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\') {
			const char *letter = *++s ? strchr(letters, *s) : NULL;

			if (!letter)
				return false;
			*to++ = escaped[letter - letters];
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	return true;
}

bool listing_parse(char *line, size_t len, struct listing_row *row)
{
	char *size = line + SHA256_HEX + 1, *end;

	if (len < SHA256_HEX + 4 || line[len - 1] != '\n' || strlen(line) != len ||
	    !sha256_is_hex(line, SHA256_HEX) || line[SHA256_HEX] != '\t' || *size < '0' ||
	    *size > '9')
		return false;
	line[len - 1] = '\0';
	errno = 0;
	row->size = strtoll(size, &end, 10);
	if (errno || *end != '\t' || !end[1] || !listing_unescape(end + 1))
		return false;
	memcpy(row->sha256, line, SHA256_HEX);
	row->sha256[SHA256_HEX] = '\0';
	row->path = end + 1;
	return true;
}

bool listing_next(struct listing *l, const struct listing_row **ret, struct err *err)
{
	errno = 0;
	ssize_t len = getline(&l->line, &l->room, l->file);

	if (len < 0) {
		*ret = NULL;
		return !ferror(l->file) || err_errno(err, "cannot read %s", l->name);
	}
	l->number++;
	if (!listing_parse(l->line, (size_t)len, &l->row))
		return err_set(err, ERR_DATA, "%s: line %zu is damaged", l->name, l->number);
	*ret = &l->row;
	return true;
}

void listing_escape(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		const char *found = strchr(escaped, *text);

		if (found)
			strbuf_addf(out, "\\%c", letters[found - escaped]);
		else
			strbuf_add(out, text, 1);
	}
}

void listing_add(struct strbuf *out, const char *sha256, int64_t size, const char *path)
{
	strbuf_addf(out, "%s\t%lld\t", sha256, (long long)size);
	listing_escape(out, path);
	strbuf_add(out, "\n", 1);
}
