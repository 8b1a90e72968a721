/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command lines of age and gpg. */
#include "lib/drivers/cipher.h"
#include "lib/core/text.h"
#include <string.h>

enum { FINGERPRINT = 40 };

static bool is_age(const char *how)
{
	return strncmp(how, "age:", 4) == 0;
}

bool cipher_check(const char *how, struct err *err)
{
	const char *who = strchr(how, ':');

	if (is_age(how) ? who[1] == '/' : strncmp(how, "gpg:", 4) == 0 && who[1] && who[1] != '-')
		return true;
	err_set(err, ERR_CONFIG, "\"%s\" is no way to encrypt", how);
	return err_hint(err, "Say age:/path/of/recipients, gpg:FINGERPRINT or gpg:/path/of/key.");
}

const char *cipher_suffix(const char *how)
{
	return !how ? "" : is_age(how) ? ".age" : ".gpg";
}

bool cipher_encrypt(const char *how, struct filter **ret, struct err *err)
{
	if (!cipher_check(how, err))
		return false;
	const char *who = strchr(how, ':') + 1;
	const char *const age[] = { "age", "--encrypt", "--recipients-file", who, NULL };
	bool whole =
		strlen(who) == FINGERPRINT && strspn(who, "0123456789abcdefABCDEF") == FINGERPRINT;
	const char *const gpg[] = { "gpg",
				    "--batch",
				    "--no-tty",
				    "--quiet",
				    "--encrypt",
				    "--compress-algo",
				    "none",
				    "--trust-model",
				    whole ? "always" : "auto",
				    *who == '/' ? "--recipient-file" : "--recipient",
				    who,
				    NULL };
	const struct process_options o = { .argv = is_age(how) ? age : gpg };

	return filter_start(&o, ret, err) ||
	       (err->code == ERR_NOT_FOUND &&
		err_hint(err, "Install it, or choose the other in backup.encrypt."));
}

bool cipher_named(const char *path)
{
	return text_ends_with(path, ".age") || text_ends_with(path, ".gpg");
}

bool cipher_decrypt(const char *path, const char *identity, struct filter **ret, struct err *err)
{
	const char *const age[] = { "age", "--decrypt", "--identity", identity, NULL };
	const char *const gpg[] = { "gpg", "--batch", "--no-tty", "--quiet", "--decrypt", NULL };
	struct process_options o = { .argv = gpg };

	*ret = NULL;
	if (!cipher_named(path))
		return true;
	if (text_ends_with(path, ".age")) {
		if (!identity) {
			err_set(err, ERR_CONFIG, "%s is encrypted and its key is not known", path);
			return err_hint(err, "Name age's file of secret keys in backup.identity.");
		}
		o.argv = age;
	}
	return filter_start(&o, ret, err);
}
