/* keys.c - a 2048-bit RSA key pair for the simulated site's signed install callbacks.
 *
 * Apps keep a key by its kid for ever, so each start takes a fresh random kid along with the fresh key. Both halves are
 * kept as PEM: the private one goes to the token minter, the public one to whoever asks the key host. */
#include "sim/keys.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/secret.h"

enum { KEY_BITS = 2048 };

static void cleanup_pkey(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void cleanup_bio(BIO **b)
{
	BIO_free(*b);
}

static char *bio_text(BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);
	return len > 0 ? str_dup((struct str){data, (size_t)len}) : NULL;
}

/* base64url of a number of the key, as a JSON Web Key has it. */
static char *number_text(const EVP_PKEY *pair, const char *name)
{
	BIGNUM *number = NULL;
	uint8_t bytes[KEY_BITS / 8];
	__cleanup_buf struct buf out = BUF_INIT(KEY_BITS);
	if (EVP_PKEY_get_bn_param(pair, name, &number) != 1)
		return NULL;
	const int len = BN_num_bytes(number) <= (int)sizeof(bytes) ? BN_bn2bin(number, bytes) : 0;
	BN_free(number);
	b64url_encode(&out, bytes, (size_t)len);
	return out.err == OK && len > 0 ? str_dup(buf_text(&out)) : NULL;
}

bool uuid_text(char out[static UUID_TEXT_LEN + 1])
{
	uint8_t bytes[16];
	char hex[32];
	if (!random_bytes(bytes, sizeof(bytes)))
		return false;
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	hex_encode(hex, bytes, sizeof(bytes));
	size_t at = 0;
	for (size_t i = 0; i < sizeof(hex); i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			out[at++] = '-';
		out[at++] = hex[i];
	}
	out[at] = '\0';
	return true;
}

enum err sim_key_make(struct sim_key *ret)
{
	struct sim_key key = {0};
	__cleanup(cleanup_pkey) EVP_PKEY *pair = EVP_RSA_gen(KEY_BITS);
	__cleanup(cleanup_bio) BIO *private_bio = BIO_new(BIO_s_mem());
	__cleanup(cleanup_bio) BIO *public_bio = BIO_new(BIO_s_mem());
	if (!pair || !private_bio || !public_bio || !uuid_text(key.kid))
		return ERR_INTERNAL;
	if (PEM_write_bio_PrivateKey(private_bio, pair, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_PUBKEY(public_bio, pair) != 1)
		return ERR_INTERNAL;
	key.private_pem = bio_text(private_bio);
	key.public_pem = bio_text(public_bio);
	key.jwk_n = number_text(pair, "n");
	key.jwk_e = number_text(pair, "e");
	if (!key.private_pem || !key.public_pem || !key.jwk_n || !key.jwk_e) {
		sim_key_release(&key);
		return ERR_NOMEM;
	}
	*ret = key;
	return OK;
}

void sim_key_release(struct sim_key *k)
{
	if (k->private_pem)
		wipe(k->private_pem, strlen(k->private_pem));
	free(k->private_pem);
	free(k->public_pem);
	free(k->jwk_n);
	free(k->jwk_e);
	*k = (struct sim_key){0};
}
