/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proof that a backup's key is the key of its database, before anything is restored: the tables
 * with encrypted columns are read out of the dump, and every token in them is tried.
 */
#include "procedures/restore_key.h"

#include "lib/core/mem.h"
#include "lib/drivers/filter.h"
#include "lib/drivers/pg_toc.h"
#include "lib/drivers/pg_tools.h"
#include "lib/drivers/probe.h"
#include "lib/host/config_archive.h"
#include "lib/pulp/encryption.h"
#include "procedures/procedures.h"

#include <string.h>

enum { KEY_MAX = 64 << 10, TOKEN_MAX = 1 << 20 };

static const struct opt params_table[] = {
	{ .name = "directory",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct restore_key_params, directory),
	  .arg = "DIR",
	  .help = "of the backup: where config.tar.zst and databases/pulp are" },
	{ .name = "identity",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct restore_key_params, identity),
	  .arg = "FILE",
	  .help = "age's file of secret keys; not given: backup.identity" },
	{ .name = "key",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct restore_key_params, key),
	  .arg = "PATH",
	  .help = "where the host of the backup had the key; not given: where this one has it" },
	OPTS_END,
};

struct scan {
	const struct encryption_keys *keys, *installed;
	struct strbuf word;
	long opened, foreign;
	long closed_here; /* of those that were opened: not by a key that is installed here */
};

static void end_word(struct scan *s)
{
	if (s->word.len > 0 && s->word.len < TOKEN_MAX) {
		enum fernet_verdict v = encryption_try(s->keys, s->word.data, s->word.len);

		s->opened += v == FERNET_OPENED;
		s->foreign += v == FERNET_OTHER_KEY;
		s->closed_here +=
			v == FERNET_OPENED &&
			encryption_try(s->installed, s->word.data, s->word.len) != FERNET_OPENED;
	}
	strbuf_clear(&s->word);
}

/* In the text of COPY and of JSON alike a token stands between characters that it has none of. */
static bool put(void *arg, const void *bytes, size_t n, struct err *err)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-_=";
	struct scan *s = arg;

	(void)err;
	for (const char *at = bytes, *end = at + n; at < end; at++) {
		if (!*at || !strchr(alphabet, *at))
			end_word(s);
		else if (s->word.len < TOKEN_MAX)
			strbuf_add(&s->word, at, 1);
	}
	return true;
}

/* Of a dump that cannot be read pg_restore itself says why. */
static int version_of(const char *dump)
{
	AUTO_PG_TOC struct pg_toc *toc = NULL;
	struct err ignored;

	return pg_toc_read(dump, &toc, &ignored) ? pg_toc_server_version(toc) : 0;
}

static bool scan_dump(const struct config *config, const char *dump, struct scan *s,
		      struct err *err)
{
	AUTO_FREE char *program = NULL;

	if (!pg_tool_find(config_get(config, "database.programs"), "pg_restore", version_of(dump),
			  &program, err))
		return false;
	const struct process_options o = {
		.argv = (const char *const[]){ program, "--data-only", "--file=-",
					       "--table=core_remote", "--table=core_upstreampulp",
					       "--table=core_domain", dump, NULL }
	};
	struct filter *f = NULL;
	bool ok = filter_start(&o, &f, err);

	if (ok) {
		(void)filter_sink(f, (struct sink){ put, s });
		ok = filter_end(f, err);
	}
	end_word(s);
	strbuf_release(&s->word);
	filter_free(f);
	return ok;
}

static const char *installed_path(const struct probe *p)
{
	const char *own = config_get(p->config, "pulp.encryption_key");

	if (p->place.encryption_key)
		return p->place.encryption_key;
	return own && *own == '/' ? own : "/etc/pulp/certs/database_fields.symmetric.key";
}

/* A backup of this host has it by the name that it has here. */
static const char *key_path(const struct probe *p, const struct restore_key_params *o)
{
	return o->key && *o->key == '/' ? o->key : installed_path(p);
}

/* *found is false where the archive has none. */
static bool read_key(const struct probe *p, const struct restore_key_params *o,
		     struct encryption_keys *ret, bool *found, struct err *err)
{
	const char *identity = o->identity ? o->identity : config_get(p->config, "backup.identity");
	AUTO_STRBUF struct strbuf text = { 0 };

	if (!config_archive_file(o->directory, identity, key_path(p, o), KEY_MAX, &text, found,
				 err))
		return false;
	bool ok = !*found ||
		  encryption_keys_parse(text.data ? text.data : "", text.len, ret, err) ||
		  err_wrap(err, "%s of the archive", key_path(p, o));

	if (text.len)
		explicit_bzero(text.data, text.len);
	return ok;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	const struct restore_key_params *o = params;

	(void)p;
	if (!o->directory) {
		(void)err_set(err, ERR_USAGE, "the directory of the backup was not named");
		return err_hint(err, "Add --param directory=DIR.");
	}
	*ret = true;
	outcome_set(why, RESULT_OK, "a key is tried each time");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct restore_key_params *o = params;
	AUTO_KEYS struct encryption_keys keys = { .n = 0 }, installed = { .n = 0 };
	AUTO_FREE char *dump = xasprintf("%s/databases/pulp", o->directory);
	const char *path = key_path(a->look, o), *here = installed_path(a->look);
	struct scan s = { .keys = &keys, .installed = &installed };
	struct err ignored;
	bool found;

	/* A host that has none yet opens nothing with it. */
	(void)!encryption_keys_read(here, &installed, &ignored);
	if (!read_key(a->look, o, &keys, &found, err) ||
	    (found && !scan_dump(a->look->config, dump, &s, err)))
		return false;
	if (!found) {
		outcome_set(out, RESULT_FINDING, "the archive holds no %s", path);
		outcome_hint(out, "Name where the key was: in pulp.encryption_key, or --param key "
				  "of this step.");
	} else if (s.foreign > 0) {
		outcome_set(
			out, RESULT_FINDING,
			"the key of this backup does not open %ld of %ld encrypted value(s) of its "
			"database",
			s.foreign, s.foreign + s.opened);
		outcome_hint(out, "Restore with the key of that time, or enter these credentials "
				  "anew afterwards.");
	} else if (s.closed_here > 0) {
		outcome_set(out, RESULT_WARNING,
			    "the key opens all of %ld encrypted value(s); %s of this host does not "
			    "open %ld of them",
			    s.opened, here, s.closed_here);
		outcome_hint(
			out,
			"Add the lines of %s, which is unpacked with the configuration, at the "
			"end of %s before the services start: Pulp tries every line.",
			path, here);
	} else {
		outcome_set(out, RESULT_OK, "the key opens all of %ld encrypted value(s)",
			    s.opened);
	}
	return true;
}

const struct procedure procedure_restore_key = {
	.label = "restore-key",
	.summary = "try the encryption key of a backup on the dump beside it",
	.explain =
		"Takes the key out of config.tar.zst and reads with pg_restore the tables that have "
		"encrypted columns out of the dump; nothing is restored and nothing is shown. The key "
		"that is installed here is tried, too: it has to open what is restored.",
	.tags = (const char *const[]){ "restore", NULL },
	.params = params_table,
	.params_size = sizeof(struct restore_key_params),
	.needed = needed,
	.run = run,
};
