/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of keys and encrypted values of any bytes: what a key has not signed it never opens. */
#include "lib/core/mem.h"
#include "lib/pulp/encryption.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keys(const char *text, size_t len)
{
	struct encryption_keys k = { .n = 0 };
	struct err err = { .code = ERR_NONE };

	if (encryption_keys_parse(text, len, &k, &err) ? k.n == 0 || k.n > ENCRYPTION_KEYS
						       : k.n != 0 || !*err.text)
		abort();
}

/* The one token of this key that anybody can know is the example of Fernet's specification. */
static void value(const char *text, size_t len)
{
	static const char key_text[] = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
	struct strbuf plain AUTO_STRBUF = { 0 };
	struct fernet_key key;

	if (!fernet_key_parse(key_text, sizeof key_text - 1, &key))
		abort();
	if (fernet_open(&key, text, len, &plain) == FERNET_OPENED &&
	    strcmp(plain.data, "hello") != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (*data & 1)
		keys((const char *)data + 1, size - 1);
	else
		value((const char *)data + 1, size - 1);
	return 0;
}
