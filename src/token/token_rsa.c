/* RS256: keys of the install-key hosts and the signature check. A key is parsed once and kept as an EVP_PKEY, which
 * threads share (parsing costs fifteen times a verification). Padding and digest are pinned here, not taken from
 * anything that was sent. */
#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
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
static void cleanup_bld(OSSL_PARAM_BLD **p)
{
	OSSL_PARAM_BLD_free(*p);
}
static void cleanup_params(OSSL_PARAM **p)
{
	OSSL_PARAM_free(*p);
}
static void cleanup_pkey_ctx(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
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

/* pkey may be NULL: it could not be read. Takes it over. */
static struct rsa_key *key_of(EVP_PKEY *taken, enum token_code *ret_code)
{
	__cleanup(cleanup_pkey) EVP_PKEY *pkey = taken;
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

struct rsa_key *rsa_key_from_pem(struct str pem, enum token_code *ret_code)
{
	ERR_clear_error();
	EVP_PKEY *pkey = read_spki(pem);
	if (!pkey)
		pkey = read_spki(pem); /* the decoder may keep quiet about a failed allocation */
	return key_of(pkey, ret_code);
}

enum { JWK_NUMBER_MAX = RSA_BITS_MAX / 8 };

/* RFC 7518, 6.3.1: base64url of a big-endian number without leading zeros. NULL: not such a number, or no memory. */
static BIGNUM *read_number(struct str text)
{
	uint8_t bytes[JWK_NUMBER_MAX + 4];
	size_t len;
	if (text.len == 0 || text.len > (size_t)JWK_NUMBER_MAX * 4 / 3 + 2 || !b64url_decode(text, bytes, &len))
		return NULL;
	return len > 0 && bytes[0] != 0 ? BN_bin2bn(bytes, (int)len, NULL) : NULL;
}

static EVP_PKEY *read_jwk(struct str n_text, struct str e_text)
{
	__cleanup(cleanup_bn) BIGNUM *n = read_number(n_text);
	__cleanup(cleanup_bn) BIGNUM *e = read_number(e_text);
	__cleanup(cleanup_bld) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	if (!n || !e || !bld || OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		return NULL;
	__cleanup(cleanup_params) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	__cleanup(cleanup_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;
	if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	return pkey;
}

struct rsa_key *rsa_key_from_jwk(struct str n, struct str e, enum token_code *ret_code)
{
	ERR_clear_error();
	return key_of(read_jwk(n, e), ret_code);
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

enum token_code token_check_rs256(const struct token_unverified *t, const struct rsa_key *key)
{
	assert(t->alg == TOKEN_RS256);
	if (t->signature_len != key->modulus_bytes)
		return TOKEN_BAD_SIGNATURE;
	int good = signature_good(t, key);
	ERR_clear_error();
	if (good != 1)
		return good < 0 ? TOKEN_NO_MEMORY : TOKEN_BAD_SIGNATURE;
	return TOKEN_OK;
}

enum token_code token_verify_rs256(const struct token_unverified *t, const struct rsa_key *key,
                                   const struct token_rules *r, const struct claims **ret_claims)
{
	enum token_code code = token_check_rs256(t, key);
	return code == TOKEN_OK ? token_check_claims(t, r, ret_claims) : code;
}
