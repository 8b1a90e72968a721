/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fernet over libcrypto. */
#include "lib/drivers/fernet.h"
#include "lib/core/mem.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

enum {
	VERSION = 0x80,
	IV_AT = 9, /* behind the version and eight bytes of time */
	BLOCK = 16,
	TEXT_AT = IV_AT + BLOCK,
	MAC_LEN = 32,
	LEAST = TEXT_AT + BLOCK + MAC_LEN
};

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-' || c == '+')
		return 62;
	return c == '_' || c == '/' ? 63 : -1;
}

/* Padded base64 of either alphabet.  out has room for len / 4 * 3 bytes; 0: it is none. */
static size_t decode(const char *text, size_t len, unsigned char *out)
{
	size_t n = 0, padding = 0;

	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	if (len == 0 || len % 4 != 0)
		return 0;
	for (size_t i = 0; i < len; i += 4) {
		unsigned bits = 0;

		for (size_t k = 0; k < 4; k++) {
			int s = i + k >= len - padding ? 0 : sextet(text[i + k]);

			if (s < 0)
				return 0;
			bits = bits << 6 | (unsigned)s;
		}
		out[n++] = (unsigned char)(bits >> 16);
		out[n++] = (unsigned char)(bits >> 8);
		out[n++] = (unsigned char)bits;
	}
	return n - padding;
}

bool fernet_key_parse(const char *text, size_t len, struct fernet_key *ret)
{
	unsigned char raw[33];
	bool ok = len == 44 && decode(text, len, raw) == 32;

	if (ok) {
		memcpy(ret->sign, raw, sizeof ret->sign);
		memcpy(ret->encrypt, raw + sizeof ret->sign, sizeof ret->encrypt);
	}
	OPENSSL_cleanse(raw, sizeof raw);
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
	AUTO_FREE unsigned char *raw = xmalloc(len / 4 * 3 + 1);
	size_t n = len < 1U << 30 ? decode(token, len, raw) : 0;

	if (n < LEAST || raw[0] != VERSION || (n - LEAST) % BLOCK != 0)
		return FERNET_NO_TOKEN;
	return is_signed(key, raw, n) && decrypt(key, raw, n, plain) ? FERNET_OPENED
								     : FERNET_OTHER_KEY;
}
