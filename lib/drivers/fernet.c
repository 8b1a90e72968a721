/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fernet over libcrypto. */
#include "lib/drivers/fernet.h"
#include "lib/core/base64.h"
#include "lib/core/mem.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

enum {
	VERSION = 0x80,
	LONGEST = 1 << 30, /* characters: libcrypto counts in int */
	IV_AT = 9,	   /* behind the version and eight bytes of time */
	BLOCK = 16,
	TEXT_AT = IV_AT + BLOCK,
	MAC_LEN = 32,
	LEAST = TEXT_AT + BLOCK + MAC_LEN,
	KEY_LEN = 32,
	KEY_TEXT = 44 /* of as many bytes as base64 */
};

/* Padded, of either alphabet. */
static bool decode(const char *text, size_t len, struct strbuf *out)
{
	size_t digits = len;

	while (len - digits < 2 && digits > 0 && text[digits - 1] == '=')
		digits--;
	return len > 0 && len % 4 == 0 && !memchr(text, '=', digits) &&
	       base64_decode(text, digits, BASE64_URL BASE64_PLAIN, true, out);
}

bool fernet_key_parse(const char *text, size_t len, struct fernet_key *ret)
{
	AUTO_STRBUF struct strbuf raw = { 0 }; /* which 32 bytes do not make grow: no copy stays */
	bool ok = len == KEY_TEXT && decode(text, len, &raw) && raw.len == KEY_LEN;

	if (ok) {
		memcpy(ret->sign, raw.data, sizeof ret->sign);
		memcpy(ret->encrypt, raw.data + sizeof ret->sign, sizeof ret->encrypt);
	}
	if (raw.data)
		OPENSSL_cleanse(raw.data, raw.len);
	return ok;
}

static bool is_signed(const struct fernet_key *key, const unsigned char *raw, size_t len)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	return HMAC(EVP_sha256(), key->sign, sizeof key->sign, raw, len - MAC_LEN, mac, &n) &&
	       n == MAC_LEN && CRYPTO_memcmp(mac, raw + len - MAC_LEN, MAC_LEN) == 0;
}

/* False where the padding is not right: the half of the key that encrypts is another one. */
static bool decrypt(const struct fernet_key *key, const unsigned char *raw, size_t len,
		    struct strbuf *plain)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	size_t cipher_len = len - TEXT_AT - MAC_LEN;
	unsigned char *out = xmalloc(cipher_len + BLOCK);
	int n = 0, last = 0;
	bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_128_cbc(), NULL, key->encrypt, raw + IV_AT) &&
		  EVP_DecryptUpdate(c, out, &n, raw + TEXT_AT, (int)cipher_len) &&
		  EVP_DecryptFinal_ex(c, out + n, &last);

	if (ok)
		strbuf_add(plain, out, (size_t)(n + last));
	OPENSSL_cleanse(out, cipher_len + BLOCK);
	free(out);
	EVP_CIPHER_CTX_free(c);
	return ok;
}

enum fernet_verdict fernet_open(const struct fernet_key *key, const char *token, size_t len,
				struct strbuf *plain)
{
	AUTO_STRBUF struct strbuf bytes = { 0 };

	if (len >= LONGEST || !decode(token, len, &bytes) || bytes.len < LEAST)
		return FERNET_NO_TOKEN;

	const unsigned char *raw = (const unsigned char *)bytes.data;
	size_t n = bytes.len;

	if (raw[0] != VERSION || (n - LEAST) % BLOCK != 0)
		return FERNET_NO_TOKEN;
	return is_signed(key, raw, n) && decrypt(key, raw, n, plain) ? FERNET_OPENED
								     : FERNET_OTHER_KEY;
}
