/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files without which a restored database is of little use: settings, keys, certificates.  They
 * are small and are archived whole each time.
 */
#include "procedures/backup_config.h"

#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/drivers/cipher.h"
#include "lib/drivers/probe.h"
#include "lib/host/certificates.h"
#include "lib/host/config_archive.h"
#include "procedures/procedures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct opt params_table[] = {
	{ .name = "directory",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct backup_config_params, directory),
	  .arg = "DIR",
	  .help = "where config.tar.zst is written" },
	BACKUP_FEATURES_ROWS(struct backup_config_params, ),
	BACKUP_PIECES_ROW(struct backup_config_params, ),
	{ .name = "compression",
	  .kind = OPT_INT,
	  .offset = offsetof(struct backup_config_params, compression),
	  .arg = "LEVEL",
	  .help = "of zstd, 1 to 19; not given: backup.compression",
	  .min = 0,
	  .max = 19 },
	OPTS_END,
};

/* Paths that the table of features cannot know. */
struct paths {
	char **all; /* NULL-terminated */
	size_t n;
};

static void paths_add(void *arg, const char *path)
{
	struct paths *p = arg;

	p->all = xrealloc(p->all, (p->n + 2) * sizeof *p->all);
	p->all[p->n++] = xstrdup(path);
	p->all[p->n] = NULL;
}

static void paths_release(struct paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->all[i]);
	free(p->all);
}

static bool needs_key(const struct place *place, struct err *err)
{
	if (!place->encryption_key) {
		err_set(err, ERR_CONFIG, "where Pulp's encryption key is is not known");
		return err_hint(err, "Name its file in pulp.encryption_key.");
	}
	if (access(place->encryption_key, R_OK) == 0)
		return true;
	err_errno(err, "Pulp's encryption key %s", place->encryption_key);
	return err_hint(err, errno == EACCES
				     ? "Run it as root."
				     : "Without it no credential of the database can be read "
				       "again: bring the file back first.");
}

/* What Pulp's settings and tables name, wherever that is. */
static bool paths_of_pulp(const struct probe *p, struct paths *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!needs_key(&p->place, err))
		return false;
	paths_add(ret, p->place.encryption_key);
	if (p->place.settings_source)
		paths_add(ret, p->place.settings_source);
	if (!pg_query(p->db, "SELECT DISTINCT script FROM core_signingservice ORDER BY 1", NULL, 0,
		      &r, err))
		return err_wrap(err, "scripts of signing services");
	for (size_t i = 0; i < pg_rows_count(r); i++)
		if (*pg_text(r, i, 0) == '/')
			paths_add(ret, pg_text(r, i, 0));
	return true;
}

static void tell(void *arg, const char *path, const char *what, bool lost)
{
	(void)lost;
	outcome_example(arg, "%s: %s", path, what);
}

/* What the step was not told is as configured. */
static bool as_configured(const struct config *config, const struct backup_config_params *o,
			  struct config_archive *c, struct err *err)
{
	const char *encrypt = o->encrypt ? o->encrypt : config_get(config, "backup.encrypt");
	long bytes = o->max_file_size, level = o->compression;

	if (!bytes && config_get(config, "backup.max_file_size") &&
	    !config_long(config, "backup.max_file_size", &bytes, err))
		return false;
	if (!level && !config_long(config, "backup.compression", &level, err))
		return false;
	c->encrypt = encrypt && *encrypt ? encrypt : NULL;
	c->max_file_size = bytes;
	c->level = (int)level;
	return true;
}

static bool into_nothing(void *arg, const void *bytes, size_t n, struct err *err)
{
	(void)arg, (void)bytes, (void)n, (void)err;
	return true;
}

/* Neither age nor gpg says in another way whether it takes a recipient. */
static bool try_encryption(const char *how, struct err *err)
{
	struct filter *f = NULL;

	if (!cipher_encrypt(how, &f, err))
		return false;
	const struct sink in = filter_sink(f, (struct sink){ into_nothing, NULL });
	bool ok = in.put(in.arg, "tried", 5, err) && filter_end(f, err);
	filter_free(f);
	return ok || err_wrap(err, "encryption to %s", how);
}

bool backup_config_ready(const struct probe *p, const struct backup_config_params *o,
			 struct err *err)
{
	struct config_archive c = { .features = { .only = o->features, .skip = o->skip } };

	return feature_choice_check(&c.features, err) && as_configured(p->config, o, &c, err) &&
	       (!feature_chosen(&c.features, "pulp") || needs_key(&p->place, err)) &&
	       (!c.encrypt || try_encryption(c.encrypt, err));
}

static void say(const struct config_archive *c, const struct config_written *w, struct outcome *out)
{
	char bytes[32], archived[32];

	text_bytes((double)w->tally.bytes, bytes, sizeof(bytes));
	text_bytes((double)w->bytes, archived, sizeof(archived));
	outcome_set(out, w->tally.lost ? RESULT_WARNING : RESULT_OK,
		    "%lld file(s) of %s archived%s in %s, %s; %lld could not be read well, %lld "
		    "changed meanwhile",
		    (long long)w->tally.entries, bytes, w->files > 1 ? " in pieces" : "", archived,
		    c->encrypt ? "encrypted" : "not encrypted", (long long)w->tally.lost,
		    (long long)w->tally.changing);
	if (!c->encrypt)
		outcome_hint(out, "It holds keys and passwords: set backup.encrypt, or keep it "
				  "where only root can read it.");
}

/* Nobody has to look for it on the day of the restore. */
static void tell_keyless(const struct reporter *r)
{
	EMIT(r, "notice", F_TEXT("level", "warning"),
	     F_TEXT("message",
		    "Pulp's encryption key is not in it, as its configuration is left out: keep "
		    "the key elsewhere, no credential can be read without it"));
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	const struct backup_config_params *o = params;

	(void)p;
	if (!o->directory) {
		(void)err_set(err, ERR_USAGE, "no directory was named");
		return err_hint(err, "Add --param directory=DIR.");
	}
	*ret = true;
	outcome_set(why, RESULT_OK, "it is made anew each time");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct backup_config_params *o = params;
	struct paths more __attribute__((cleanup(paths_release))) = { .all = NULL };
	struct config_archive c = { .directory = o->directory,
				    .features = { .only = o->features, .skip = o->skip },
				    .told = { .tell = tell, .arg = out } };
	struct config_written w = { .files = 0 };

	if (!feature_choice_check(&c.features, err) ||
	    !as_configured(a->look->config, o, &c, err) ||
	    (feature_chosen(&c.features, "pulp") && !paths_of_pulp(a->look, &more, err)))
		return false;
	if (feature_chosen(&c.features, "web"))
		certificates_find(paths_add, &more);
	c.more = (const char *const *)more.all;
	if (!config_archive_write(&c, &w, err))
		return false;
	say(&c, &w, out);
	if (!feature_chosen(&c.features, "pulp"))
		tell_keyless(a->reporter);
	return true;
}

/* An encrypted one needs a key that belongs on another host. */
static bool verify(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct backup_config_params *o = params;
	AUTO_FREE char *path = NULL;
	struct archive_tally ignored;

	(void)p;
	(void)out;
	if (!config_archive_find(o->directory, &path, err))
		return false;
	return cipher_named(path) || config_archive_test(o->directory, NULL, &ignored, err);
}

const struct procedure procedure_backup_config = {
	.label = "backup-config",
	.summary = "archive the configuration of this host",
	.explain =
		"Settings, keys, certificates and services' configuration of Pulp, its database and "
		"cache, the web server, Foreman, Katello, Candlepin and the smart proxy, whatever of them is "
		"there, as config.tar.zst: with owners, modes, access lists and labels. Without Pulp's "
		"encryption key there is no backup. What vanishes or changes meanwhile is told.",
	.changes = "writes config.tar.zst into the directory",
	.tags = (const char *const[]){ "backup", NULL },
	.needs = NEED_DB,
	.params = params_table,
	.params_size = sizeof(struct backup_config_params),
	.needed = needed,
	.run = run,
	.verify = verify,
};
