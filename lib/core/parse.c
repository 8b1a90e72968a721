/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values as people write them: whole numbers, durations, sizes; and words with a slip in them. */
#include "lib/core/mem.h"
#include "lib/core/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool parse_long(const char *s, long min, long max, long *ret, struct err *err)
{
	char *end;

	errno = 0;
	long v = strtol(s, &end, 10);

	if (end == s || *end || isspace((unsigned char)*s))
		return err_set(err, ERR_USAGE, "'%s' is not a whole number", s);
	if (errno == ERANGE || v < min || (max > min && v > max))
		return err_set(err, ERR_USAGE, "'%s' is outside %ld..%ld", s, min, max);
	*ret = v;
	return true;
}

struct unit {
	const char *name;
	double factor;
};

/* Longer names first: the first that fits is taken. */
static const struct unit time_units[] = {
	{ "ms", 0.001 }, { "min", 60 },	 { "s", 1 },	  { "m", 60 },
	{ "h", 3600 },	 { "d", 86400 }, { "w", 604800 }, { NULL, 0 },
};

/* As coreutils has them: K and KiB are 1024, kB is 1000. */
static const struct unit size_units[] = {
	{ "KiB", 1024.0 },
	{ "MiB", 1048576.0 },
	{ "GiB", 1073741824.0 },
	{ "TiB", 1099511627776.0 },
	{ "kB", 1e3 },
	{ "MB", 1e6 },
	{ "GB", 1e9 },
	{ "TB", 1e12 },
	{ "K", 1024.0 },
	{ "M", 1048576.0 },
	{ "G", 1073741824.0 },
	{ "T", 1099511627776.0 },
	{ "B", 1.0 },
	{ NULL, 0 },
};

/* A decimal number without sign, exponent or blank; NULL when there is none. */
static const char *parse_decimal(const char *s, double *ret)
{
	size_t whole = strspn(s, "0123456789"), len = whole;

	if (s[whole] == '.')
		len += 1 + strspn(s + whole + 1, "0123456789");
	if (whole == 0 || len > 20)
		return NULL;

	double v = 0, scale = 1;

	for (size_t i = 0; i < len; i++) {
		if (i == whole)
			continue;
		v = v * 10 + (s[i] - '0');
		if (i > whole)
			scale *= 10;
	}
	*ret = v / scale;
	return s + len;
}

bool parse_real(const char *s, double min, double max, double *ret, struct err *err)
{
	double v;
	const char *end = parse_decimal(s, &v);

	if (!end || *end)
		return err_set(err, ERR_USAGE, "'%s' is not a number", s);
	if (v < min || v > max)
		return err_set(err, ERR_USAGE, "'%s' is outside %g..%g", s, min, max);
	*ret = v;
	return true;
}

static const struct unit *find_unit(const struct unit *units, const char *s)
{
	for (; units->name; units++)
		if (strncasecmp(s, units->name, strlen(units->name)) == 0)
			return units;
	return NULL;
}

bool parse_seconds(const char *s, double *ret, struct err *err)
{
	const char *at = s;
	double sum = 0;
	bool bare = false;

	do {
		double v;
		const struct unit *u;

		at = parse_decimal(at, &v);
		if (!at || bare)
			goto bad;
		u = find_unit(time_units, at);
		bare = !u; /* a number without a unit stands alone */
		if (u)
			at += strlen(u->name);
		else if (*at || sum > 0)
			goto bad;
		sum += v * (u ? u->factor : 1);
	} while (*at);
	*ret = sum;
	return true;
bad:
	(void)err_set(err, ERR_USAGE, "'%s' is not a duration", s);
	return err_hint(err, "Write it like 90, 250ms, 15m, 2h, 1h30m or 1d.");
}

bool parse_size(const char *s, long *ret, struct err *err)
{
	double v;
	const char *at = parse_decimal(s, &v);
	const struct unit *u = at && *at ? find_unit(size_units, at) : NULL;

	if (!at || (*at && (!u || at[strlen(u->name)]))) {
		(void)err_set(err, ERR_USAGE, "'%s' is not a size", s);
		return err_hint(err, "Write it like 500, 64kB, 48MB or 1GiB.");
	}
	v *= u ? u->factor : 1;
	if (v >= (double)LONG_MAX)
		return err_set(err, ERR_USAGE, "'%s' is too large", s);
	*ret = lround(v);
	return true;
}

/* Edit distance in which two swapped letters count once. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), width = lb + 1;
	AUTO_FREE size_t *d = xcalloc((la + 1) * width, sizeof(*d));

	for (size_t i = 0; i <= la; i++)
		d[i * width] = i;
	for (size_t j = 0; j <= lb; j++)
		d[j] = j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);
			size_t best = d[(i - 1) * width + j - 1] + (ca != cb);
			size_t del = d[(i - 1) * width + j] + 1, ins = d[i * width + j - 1] + 1;

			best = del < best ? del : best;
			best = ins < best ? ins : best;
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) &&
			    d[(i - 2) * width + j - 2] + 1 < best)
				best = d[(i - 2) * width + j - 2] + 1;
			d[i * width + j] = best;
		}
	}
	return d[la * width + lb];
}

const char *nearest_name(const char *word, const char *const *names)
{
	enum { LONGEST = 64 }; /* longer words are not slips of ours */
	const char *best = NULL;
	size_t len = strlen(word), least = len / 3 < 1 ? 2 : len / 3 + 1;

	if (len == 0 || len > LONGEST)
		return NULL;
	for (; *names; names++) {
		size_t d = distance(word, *names);

		/* The beginning of a longer name is near to it, but less than a slip is. */
		if (d >= least && len >= 3 && !best && strncasecmp(word, *names, len) == 0)
			best = *names;
		if (d < least) {
			least = d;
			best = *names;
		}
	}
	return best;
}
