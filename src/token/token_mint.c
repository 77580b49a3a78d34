/* Tokens of our own text. HS256, which every call to a host carries, is three parts of base64url and one HMAC and is
 * made here: libjwt 1.10 reads a NULL when the memory for its header or claims is not there. RS256, which the simulated
 * site and the calls of a GitHub App sign, is libjwt's. */
#include <jwt.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/secret.h"
#include "token/token.h"

static void cleanup_jwt(jwt_t **p)
{
	jwt_free(*p);
}
static void cleanup_secret_text(char **p)
{
	if (*p)
		wipe(*p, str_of(*p).len);
	free(*p);
}

enum { MINTED_MAX = 64 * 1024 };

enum err token_mint_hs256(struct str secret, struct str claims_json, char **ret)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	__cleanup_json json_t *claims = NULL; /* only to know that it is an object */
	__cleanup(buf_wipe) struct buf token = BUF_INIT(MINTED_MAX);
	uint8_t mac[32];

	if (secret.len == 0 || secret.len > TOKEN_MAX_BYTES)
		return ERR_INVALID;
	enum err err = json_read_object(claims_json, &claims);
	if (err != OK)
		return err;
	b64url_encode(&token, (const uint8_t *)header, sizeof(header) - 1);
	buf_char(&token, '.');
	b64url_encode(&token, (const uint8_t *)claims_json.ptr, claims_json.len);
	if (token.err == OK && !hmac_sha256(secret, buf_text(&token), mac))
		return ERR_NOMEM;
	buf_char(&token, '.');
	b64url_encode(&token, mac, sizeof(mac));
	if (token.err != OK)
		return token.err == ERR_TOO_LARGE ? ERR_INVALID : token.err;
	*ret = buf_take(&token);
	return OK;
}

enum err token_mint_rs256(struct str private_pem, struct str kid, struct str claims_json, char **ret)
{
	if (private_pem.len == 0 || private_pem.len > 16384)
		return ERR_INVALID;
	__cleanup(cleanup_secret_text) char *pem = str_dup(private_pem); /* libjwt wants the final NUL */
	__cleanup_free char *kid_text = str_dup(kid);
	__cleanup_free char *claims = str_dup(claims_json);
	__cleanup(cleanup_jwt) jwt_t *jwt = NULL;
	if (!pem || !kid_text || !claims || jwt_new(&jwt) != 0)
		return ERR_NOMEM;
	/* Its failures are not told apart: nothing of them says reliably that memory was short. */
	if (jwt_add_grants_json(jwt, claims) != 0 || (kid.len && jwt_add_header(jwt, "kid", kid_text) != 0) ||
	    jwt_set_alg(jwt, JWT_ALG_RS256, (const unsigned char *)pem, (int)private_pem.len) != 0)
		return ERR_INVALID;
	char *token = jwt_encode_str(jwt);
	if (!token)
		return ERR_INVALID;
	/* libjwt's allocator is malloc unless jwt_set_alloc says otherwise, which nobody calls */
	*ret = token;
	return OK;
}
