/* jwks_set.c - reads a JSON Web Key Set. Source: RFC 7517 sections 4 and 5, RFC 7518 section 6.3.1.
 *
 * What a set holds besides usable keys is passed over, as the RFC asks; but a kid that is there and unusable is
 * remembered as such, so that the operator is told why. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "forge/jwks_set.h"
#include "token/fit.h"

struct jwks_entry {
	char kid[TOKEN_KID_MAX + 1];
	struct jwks_key *key; /* NULL: not usable */
};
struct jwks_set {
	size_t count, usable;
	struct jwks_entry at[JWKS_KEYS_MAX];
};

struct jwks_key {
	_Atomic unsigned refs;
	struct rsa_key *rsa;
};

const struct rsa_key *jwks_key_rsa(const struct jwks_key *k)
{
	return k->rsa;
}

void jwks_key_ref(struct jwks_key *k)
{
	atomic_fetch_add(&k->refs, 1);
}

void jwks_key_unref(struct jwks_key *k)
{
	if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	rsa_key_free(k->rsa);
	free(k);
}

static struct jwks_entry *find(const struct jwks_set *s, struct str kid)
{
	for (size_t i = 0; i < s->count; i++)
		if (str_eqz(kid, s->at[i].kid))
			return (struct jwks_entry *)(uintptr_t)&s->at[i];
	return NULL;
}

/* A member that is there must say what is wanted; most sets leave `alg` or `use` out. */
static bool says(const json_t *jwk, const char *name, const char *wanted)
{
	struct str text;
	enum json_get got = json_get_str(jwk, name, &text);
	return got == JSON_ABSENT || (got == JSON_GOT && str_eqz(text, wanted));
}

static bool for_verifying(const json_t *jwk)
{
	const json_t *ops = json_object_get(jwk, "key_ops"), *op;
	size_t i;
	if (!ops)
		return true;
	json_array_foreach(ops, i, op)
	{
		if (str_eqz(str_of(json_string_value(op)), "verify"))
			return true;
	}
	return false;
}

/* OK with *ret NULL: a key that is not usable. ERR_NOMEM. */
static enum err read_key(const json_t *jwk, struct jwks_key **ret)
{
	struct str kty, n, e;
	enum token_code code = TOKEN_WEAK_KEY;
	if (json_get_str(jwk, "kty", &kty) != JSON_GOT || !str_eqz(kty, "RSA") || !says(jwk, "use", "sig") ||
	    !says(jwk, "alg", "RS256") || !for_verifying(jwk) || json_get_str(jwk, "n", &n) != JSON_GOT ||
	    json_get_str(jwk, "e", &e) != JSON_GOT)
		return OK;
	struct jwks_key *key = calloc(1, sizeof(*key));
	if (!key)
		return ERR_NOMEM;
	key->refs = 1;
	key->rsa = rsa_key_from_jwk(n, e, &code);
	if (key->rsa) {
		*ret = key;
		return OK;
	}
	free(key);
	return code == TOKEN_NO_MEMORY ? ERR_NOMEM : OK;
}

static enum err add(struct jwks_set *s, const json_t *jwk)
{
	struct str kid;
	if (!json_is_object(jwk) || json_get_str(jwk, "kid", &kid) != JSON_GOT || !fit_kid_ok(kid))
		return OK;
	struct jwks_entry *twin = find(s, kid);
	if (twin) { /* which of them is meant? */
		s->usable -= twin->key != NULL;
		jwks_key_unref(TAKE(twin->key));
		return OK;
	}
	if (s->count == JWKS_KEYS_MAX)
		return OK;
	struct jwks_entry *entry = &s->at[s->count];
	enum err err = read_key(jwk, &entry->key);
	if (err != OK)
		return err;
	memcpy(entry->kid, kid.ptr, kid.len);
	s->count++;
	s->usable += entry->key != NULL;
	return OK;
}

static void cleanup_set(struct jwks_set **s)
{
	jwks_set_free(*s);
}

enum err jwks_read(struct str text, struct jwks_set **ret)
{
	__cleanup_json json_t *root = NULL;
	__cleanup(cleanup_set) struct jwks_set *s = NULL;
	const json_t *jwk;
	size_t i;
	if (text.len > JWKS_TEXT_MAX)
		return ERR_TOO_LARGE;
	enum err err = json_read_object(text, &root);
	if (err != OK)
		return err;
	if (!(s = calloc(1, sizeof(*s))))
		return ERR_NOMEM;
	const json_t *keys = json_object_get(root, "keys");
	json_array_foreach(keys, i, jwk)
	{
		if ((err = add(s, jwk)) != OK)
			return err;
	}
	if (s->usable == 0)
		return ERR_INVALID;
	*ret = TAKE(s);
	return OK;
}

void jwks_set_free(struct jwks_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		jwks_key_unref(s->at[i].key);
	free(s);
}

size_t jwks_set_count(const struct jwks_set *s)
{
	return s->usable;
}

enum jwks_status jwks_set_find(const struct jwks_set *s, struct str kid, struct jwks_key **ret_key)
{
	const struct jwks_entry *entry = find(s, kid);
	if (!entry)
		return JWKS_UNKNOWN;
	*ret_key = entry->key;
	return entry->key ? JWKS_FOUND : JWKS_WEAK;
}
