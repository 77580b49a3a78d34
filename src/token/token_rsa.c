/* RS256: keys of the install-key hosts and the signature check. A key is parsed once and kept as an EVP_PKEY, which
 * threads share (parsing costs fifteen times a verification). Padding and digest are pinned here, not taken from
 * anything that was sent. */
#include <assert.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "token/token_internal.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, EXPONENT_BITS_MAX = 64 };

struct rsa_key {
	EVP_PKEY *pkey;
	size_t modulus_bytes;
};

static void cleanup_pkey(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}
static void cleanup_md_ctx(EVP_MD_CTX **p)
{
	EVP_MD_CTX_free(*p);
}
static void cleanup_bn(BIGNUM **p)
{
	BN_free(*p);
}
static void cleanup_bio(BIO **p)
{
	BIO_free(*p);
}

/* What PEM_read_bio hands out. */
struct pem_parts {
	char *name, *header;
	unsigned char *der;
	long len;
};
static void pem_parts_release(struct pem_parts *p)
{
	OPENSSL_free(p->name);
	OPENSSL_free(p->header);
	OPENSSL_free(p->der);
}

static bool only_blank(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != ' ' && s.ptr[i] != '\t' && s.ptr[i] != '\r' && s.ptr[i] != '\n')
			return false;
	return true;
}

/* PEM readers skip what stands before the first block and leave what follows the last: neither is wanted here. */
static EVP_PKEY *read_spki(struct str pem)
{
	if (pem.len > 16384 || !str_starts(pem, STR("-----BEGIN PUBLIC KEY-----")))
		return NULL;
	__cleanup(cleanup_bio) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	__cleanup(pem_parts_release) struct pem_parts p = {0};
	if (!bio || PEM_read_bio(bio, &p.name, &p.header, &p.der, &p.len) != 1)
		return NULL;
	char *rest = NULL;
	long rest_len = BIO_get_mem_data(bio, &rest);
	if (strcmp(p.name, PEM_STRING_PUBLIC) != 0 || p.header[0] != '\0' ||
	    !only_blank((struct str){rest, rest_len > 0 ? (size_t)rest_len : 0}))
		return NULL;
	const unsigned char *der = p.der;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &der, p.len);
	if (pkey && der != p.der + p.len) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	return pkey;
}

static bool key_ok(EVP_PKEY *pkey)
{
	__cleanup(cleanup_bn) BIGNUM *e = NULL;
	int bits = EVP_PKEY_get_bits(pkey);
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return false;
	if (EVP_PKEY_get_bn_param(pkey, "e", &e) != 1)
		return false;
	return BN_is_odd(e) && !BN_is_one(e) && !BN_is_negative(e) && BN_num_bits(e) <= EXPONENT_BITS_MAX;
}

/* Empties the error queue. A key that could not be read for want of memory is not a bad key. */
static bool ran_out_of_memory(void)
{
	bool ran_out = false;
	for (unsigned long e; (e = ERR_get_error()) != 0;)
		ran_out = ran_out || ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
	return ran_out;
}

struct rsa_key *rsa_key_from_pem(struct str pem, enum token_code *ret_code)
{
	ERR_clear_error();
	__cleanup(cleanup_pkey) EVP_PKEY *pkey = read_spki(pem);
	if (!pkey)
		pkey = read_spki(pem); /* the decoder may keep quiet about a failed allocation */
	bool usable = pkey && key_ok(pkey), ran_out = ran_out_of_memory();
	__cleanup_free struct rsa_key *key = malloc(sizeof(*key));
	if (!key || !usable) {
		*ret_code = !key || ran_out ? TOKEN_NO_MEMORY : TOKEN_WEAK_KEY;
		return NULL;
	}
	key->modulus_bytes = (size_t)EVP_PKEY_get_size(pkey);
	key->pkey = TAKE(pkey);
	return TAKE(key);
}

void rsa_key_free(struct rsa_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

/* Empties the error queue. A bad signature is said by the RSA code itself; whatever else went wrong on the way, mostly
 * want of memory, is no reason to tell the sender that its signature is bad. */
static bool signature_was_bad(void)
{
	bool by_rsa = false, ran_out = false;
	for (unsigned long e; (e = ERR_get_error()) != 0;) {
		by_rsa = by_rsa || ERR_GET_LIB(e) == ERR_LIB_RSA;
		ran_out = ran_out || ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
	}
	return by_rsa && !ran_out;
}

/* 1 good, 0 bad, -1 could not be tried. */
static int signature_good(const struct token_unverified *t, const struct rsa_key *key)
{
	ERR_clear_error();
	__cleanup(cleanup_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL; /* owned by ctx */
	if (!ctx || EVP_DigestVerifyInit_ex(ctx, &how, "SHA256", NULL, NULL, key->pkey, NULL) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PADDING) != 1)
		return -1;
	if (EVP_DigestVerify(ctx, t->signature, t->signature_len, (const unsigned char *)t->signing_input.ptr,
	                     t->signing_input.len) == 1)
		return 1;
	return signature_was_bad() ? 0 : -1;
}

enum token_code token_verify_rs256(const struct token_unverified *t, const struct rsa_key *key,
                                   const struct token_rules *r, const struct claims **ret_claims)
{
	assert(t->alg == TOKEN_RS256);
	if (t->signature_len != key->modulus_bytes)
		return TOKEN_BAD_SIGNATURE;
	int good = signature_good(t, key);
	ERR_clear_error();
	if (good != 1)
		return good < 0 ? TOKEN_NO_MEMORY : TOKEN_BAD_SIGNATURE;
	return token_check_claims(t, r, ret_claims);
}
