/* Tokens of our own, made with libjwt: rare (calls to hosts, the simulated site) and of our own text, so speed and
 * strictness do not matter here. libjwt's errors are errno values or a NULL. */
#include <errno.h>
#include <jwt.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "connect/token.h"

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

static enum err mint(jwt_alg_t alg, struct str key, const char *kid, struct str claims_json, char **ret)
{
	__cleanup(cleanup_jwt) jwt_t *jwt = NULL;
	__cleanup_free char *claims = str_dup(claims_json);
	if (!claims || jwt_new(&jwt) != 0)
		return ERR_NOMEM;
	int failed = jwt_add_grants_json(jwt, claims);
	if (!failed && kid)
		failed = jwt_add_header(jwt, "kid", kid);
	if (!failed)
		failed = jwt_set_alg(jwt, alg, (const unsigned char *)key.ptr, (int)key.len);
	if (failed)
		return failed == ENOMEM ? ERR_NOMEM : ERR_INVALID;
	char *token = jwt_encode_str(jwt);
	if (!token)
		return errno == ENOMEM ? ERR_NOMEM : ERR_INVALID;
	/* libjwt's allocator is malloc unless jwt_set_alloc says otherwise, which nobody calls */
	*ret = token;
	return OK;
}

enum err token_mint_hs256(struct str secret, struct str claims_json, char **ret)
{
	if (secret.len == 0 || secret.len > TOKEN_MAX_BYTES)
		return ERR_INVALID;
	return mint(JWT_ALG_HS256, secret, NULL, claims_json, ret);
}

enum err token_mint_rs256(struct str private_pem, struct str kid, struct str claims_json, char **ret)
{
	if (private_pem.len == 0 || private_pem.len > 16384)
		return ERR_INVALID;
	__cleanup(cleanup_secret_text) char *pem = str_dup(private_pem); /* libjwt wants the final NUL */
	__cleanup_free char *kid_text = str_dup(kid);
	if (!pem || !kid_text)
		return ERR_NOMEM;
	return mint(JWT_ALG_RS256, (struct str){pem, private_pem.len}, kid_text, claims_json, ret);
}
