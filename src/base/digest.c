/* digest.c - SHA-256, HMAC, random bytes and what keeps memory private. See secret.h.
 *
 * SHA-256 uses OpenSSL's plain functions, not EVP: they allocate nothing and cannot fail, so sha256() has no error to
 * forget. HMAC needs a context; each thread keeps one and frees it when it ends. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init and its kin, for the reason above */
#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "base/algorithms.h"
#include "base/json.h"
#include "base/secret.h"

struct algorithms algorithms;
static pthread_key_t mac_key; /* of each thread's EVP_MAC_CTX */
static bool ready;

static void free_mac(void *mac)
{
	EVP_MAC_CTX_free(mac);
}

bool crypto_init(void)
{
	if (ready)
		return true;
	json_init();
	if (!algorithms.hmac)
		algorithms.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!algorithms.aes_256_gcm)
		algorithms.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	ready = algorithms.hmac && algorithms.aes_256_gcm && pthread_key_create(&mac_key, free_mac) == 0;
	return ready;
}

void sha256(const void *data, size_t len, uint8_t out[static 32])
{
	SHA256_CTX context;
	SHA256_Init(&context);
	SHA256_Update(&context, data, len);
	SHA256_Final(out, &context);
}

void sha256_keyed(const uint8_t key[static 32], const void *data, size_t len, uint8_t out[static 32])
{
	uint8_t block[SHA256_CBLOCK] = {0};
	SHA256_CTX context;
	memcpy(block, key, 32);
	SHA256_Init(&context);
	SHA256_Update(&context, block, sizeof(block));
	SHA256_Update(&context, data, len);
	SHA256_Final(out, &context);
	wipe(block, sizeof(block));
}

static EVP_MAC_CTX *thread_mac(void)
{
	EVP_MAC_CTX *mac = pthread_getspecific(mac_key);
	if (mac)
		return mac;
	mac = EVP_MAC_CTX_new(algorithms.hmac);
	char digest[] = "SHA256"; /* OSSL_PARAM takes no const text */
	const OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};
	if (!mac || !EVP_MAC_CTX_set_params(mac, params) || pthread_setspecific(mac_key, mac) != 0) {
		EVP_MAC_CTX_free(mac);
		return NULL;
	}
	return mac;
}

bool hmac_sha256(struct str key, struct str data, uint8_t out[static 32])
{
	assert(ready);
	if (key.len == 0)
		return false;
	EVP_MAC_CTX *mac = thread_mac();
	size_t len = 0;
	if (mac && EVP_MAC_init(mac, (const unsigned char *)key.ptr, key.len, NULL) &&
	    EVP_MAC_update(mac, (const unsigned char *)data.ptr, data.len) && EVP_MAC_final(mac, out, &len, 32) &&
	    len == 32)
		return true;
	ERR_clear_error();
	return false;
}

bool hmac_sha1(struct str key, struct str data, uint8_t out[static 20])
{
	assert(ready);
	if (key.len == 0)
		return false;
	/* A context of its own: the thread's is set up for SHA-256, whose speed counts. */
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(algorithms.hmac);
	char digest[] = "SHA1";
	const OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};
	size_t len = 0;
	const bool done = mac && EVP_MAC_init(mac, (const unsigned char *)key.ptr, key.len, params) &&
	                  EVP_MAC_update(mac, (const unsigned char *)data.ptr, data.len) &&
	                  EVP_MAC_final(mac, out, &len, 20) && len == 20;
	EVP_MAC_CTX_free(mac);
	if (!done)
		ERR_clear_error();
	return done;
}

bool bytes_equal(const void *a, const void *b, size_t len)
{
	return len > 0 && CRYPTO_memcmp(a, b, len) == 0;
}

bool random_bytes(void *out, size_t len)
{
	uint8_t *at = out;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		len -= (size_t)got;
	}
	return true;
}

bool random_text(char *out, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	enum { LETTERS = sizeof(letters) - 1, FAIR = 256 / LETTERS * LETTERS };
	uint8_t bytes[64];
	size_t left = 0;
	for (size_t i = 0; i < len;) {
		if (left == 0) {
			left = len - i < sizeof(bytes) - 8 ? len - i + 8 : sizeof(bytes);
			if (!random_bytes(bytes, left))
				return false;
		}
		uint8_t byte = bytes[--left];
		if (byte < FAIR) /* the rest would favour the first letters */
			out[i++] = letters[byte % LETTERS];
	}
	out[len] = '\0';
	wipe(bytes, sizeof(bytes));
	return true;
}

void wipe(void *p, size_t len)
{
	if (len)
		explicit_bzero(p, len);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

void process_harden(void)
{
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#ifndef SANITIZED
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
