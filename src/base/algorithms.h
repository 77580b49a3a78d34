/* algorithms.h - what crypto_init() fetched from OpenSSL, shared by digest.c and secret.c and nobody else.
 *
 * Fetching by name costs more than the work itself, so it happens once, before threads start; read-only after. */
#pragma once
#include <openssl/evp.h>

struct algorithms {
	EVP_MAC *hmac;
	EVP_CIPHER *aes_256_gcm;
};
extern struct algorithms algorithms;
