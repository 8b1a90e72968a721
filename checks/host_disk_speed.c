/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A disk that reads slowly makes every pull slow and an upgrade long.  foreman-maintain installs
 * fio for this question and writes a gigabyte; here the largest artifacts of a sample are read,
 * past the page cache, for a tenth of a second.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include "lib/pulp/look.h"

#include <errno.h>

enum { SAMPLE_ROWS = 5000 };
static const double enough = 60e6;    /* bytes/s: what foreman-maintain asks for */
static const int64_t least = 8 << 20; /* bytes: what is less says nothing */
static const struct amount {
	double seconds;
	int64_t bytes;
} sample = { 0.1, 64 << 20 }, full = { 10, 1 << 30 };

struct seen {
	int64_t bytes;
	double seconds;
	bool unsupported;
};

static bool read_files(const struct fs_root *root, const struct pg_rows *r, const struct amount *a,
		       struct seen *s, struct err *err)
{
	double began = clock_monotonic();

	for (size_t i = 0; i < pg_rows_count(r) && s->bytes < a->bytes; i++) {
		struct fs_file f;
		enum fs_verdict v = fs_read_direct(root, pg_text(r, i, 0), began + a->seconds,
						   a->bytes, &s->bytes, &f);

		s->unsupported = v != FS_OK && f.saved_errno == EINVAL;
		if (s->unsupported)
			return true;
		if (v == FS_IO_ERROR || v == FS_DENIED) {
			errno = f.saved_errno;
			return err_errno(err, "cannot read %s", pg_text(r, i, 0));
		}
	}
	s->seconds = clock_monotonic() - began;
	return true;
}

static void judge(const struct seen *s, struct outcome *out)
{
	double rate = s->seconds > 0 ? (double)s->bytes / s->seconds : 0;
	int mb = (int)(s->bytes >> 20);

	if (s->unsupported) {
		outcome_set(out, RESULT_SKIPPED,
			    "the file system of the media has no reads past its cache");
	} else if (rate >= enough && s->bytes >= least) {
		outcome_set(out, RESULT_OK, "the media reads %.0f MB/s, seen on %d MB", rate / 1e6,
			    mb);
	} else if (rate < enough && s->bytes > 0 && s->seconds >= sample.seconds) {
		outcome_set(out, RESULT_WARNING,
			    "the media reads %.1f MB/s, seen on %d MB: less than %.0f MB/s",
			    rate / 1e6, mb, enough / 1e6);
		outcome_hint(out, "Look at what else the disk has to do (iostat -x 1), or at the "
				  "network where it is on one.");
	} else {
		outcome_set(out, RESULT_SKIPPED, "there are too few large files to tell");
	}
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct look_params *o = params;
	AUTO_ROWS struct pg_rows *r = NULL;
	struct fs_root *root = NULL;
	struct look_sample rows;
	struct seen seen = { 0 };

	if (!look_sample(p, "core_artifact", SAMPLE_ROWS, o->full, &rows, err))
		return false;
	AUTO_FREE char *sql = xasprintf(
		"SELECT file FROM (SELECT file, size, pulp_domain_id FROM core_artifact%s) a"
		" WHERE size >= 1000000 AND pulp_domain_id = (SELECT pulp_id FROM core_domain WHERE name = 'default')"
		" ORDER BY size DESC LIMIT 1000",
		rows.clause);
	if (!look_query(p, sql, &r, err) || !fs_root_open(p->place.media_root, &root, err))
		return false;
	bool ok = read_files(root, r, o->full ? &full : &sample, &seen, err);
	fs_root_close(root);
	if (ok)
		judge(&seen, out);
	return ok;
}

const struct check check_host_disk_speed = {
	.label = "host-disk-speed",
	.summary = "the disk of the media reads fast enough",
	.source = "files of artifacts, read with O_DIRECT",
	.explain =
		"Reads the largest artifacts of a sample, of a megabyte and more, past the page cache, for 0.1 s at most "
		"(--full: 10 s). Less than 60 MB/s is a warning.",
	.cost = "reads up to 64 MB for 0.1 s, with --full up to 1 GB for 10 s",
	.tags = (const char *const[]){ "storage", "pre-upgrade", "host", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
