/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp encrypts the credentials of its remotes with a key that is no part of its database.  Pulp
 * starts and serves with a wrong one; the next sync fails.
 */
#include "checks/checks.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/encryption.h"

#include <sys/stat.h>

static void tell(void *arg, const char *where, bool foreign)
{
	outcome_example(arg, "%s%s", where, foreign ? "" : ", not encrypted");
}

static void judge(const char *path, size_t keys, const struct encryption_seen *seen,
		  struct outcome *out)
{
	struct stat st;

	outcome_count(out, "found", seen->foreign + seen->plain);
	if (seen->foreign > 0) {
		outcome_set(out, RESULT_FINDING,
			    "%ld of %ld encrypted value(s) (is|are) opened by no key of %s",
			    seen->foreign, seen->values, path);
		outcome_hint(out, "Add the older key as a further line of the file, from a backup; "
				  "else enter these credentials anew.");
	} else if (seen->plain > 0) {
		outcome_set(out, RESULT_WARNING, "%ld of %ld value(s) (is|are) not encrypted",
			    seen->plain, seen->values);
		outcome_hint(out, "Run `pulpcore-manager datarepair-2327` as the user pulp.");
	} else if (stat(path, &st) == 0 && st.st_mode & (S_IROTH | S_IWOTH)) {
		outcome_set(out, RESULT_WARNING, "%s is open to everybody on this host", path);
		outcome_hint(out, "Type: chmod o= %s", path);
	} else {
		outcome_set(out, RESULT_OK, "%zu key(s) in %s, which open all of %ld value(s)",
			    keys, path, seen->values);
	}
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const char *path = p->place.encryption_key;
	AUTO_KEYS struct encryption_keys keys = { .n = 0 };
	struct encryption_seen seen = { .tell = tell, .arg = out };

	(void)params;
	if (!path) {
		outcome_set(out, RESULT_SKIPPED,
			    "no settings of Pulp were read, so its encryption key is not known");
		outcome_hint(out, "Name its file in pulp.encryption_key.");
		return true;
	}
	if (!encryption_keys_read(path, &keys, err)) {
		if (err->code != ERR_NOT_FOUND && err->code != ERR_DATA)
			return err_hint(err, "Run it as root or as the user pulp.");
		outcome_set(out, RESULT_FINDING, "%s", err->text);
		outcome_hint(out, "Without the key no credential of the database can be read: "
				  "bring the file back from a backup.");
		outcome_count(out, "found", 1);
		return true;
	}
	if (!encryption_look(p->db, &keys, &seen, err))
		return false;
	judge(path, keys.n, &seen, out);
	return true;
}

const struct check check_pulp_encryption_key = {
	.label = "pulp-encryption-key",
	.summary = "the key of the database's encrypted columns is there and opens them",
	.source = "the key file, core_remote, core_upstreampulp, core_domain",
	.explain =
		"Reads the file that DB_ENCRYPTION_KEY of Pulp's settings names, and opens up to "
		"a hundred values of each encrypted column with it: credentials of remotes and "
		"of upstream Pulps, settings of domains' storage.  Nothing of them is shown.",
	.tags = (const char *const[]){ "default", "pre-upgrade", "database", NULL },
	.needs = NEED_DB,
	.run = run,
};
