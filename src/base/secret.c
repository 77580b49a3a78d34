/* secret.c - keyring and sealed values. See secret.h.
 *
 * A sealed value: version (1) | length of key id | key id | nonce (12) | ciphertext | tag (16). Authenticated with it,
 * each piece with its length in front so that no two places read alike: version, table, column, row, key id.
 * Nonces are random: with 96 bits, 2^32 values a key are safe (NIST SP 800-38D, 8.3). A keyring is immutable and
 * shared by threads freely. */
#include "base/secret.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/algorithms.h"
#include "base/b64.h"
#include "base/cleanup.h"

enum { KEY_BYTES = 32, TEXT_BYTES = (KEY_BYTES + 2) / 3 * 4 };
enum { VERSION = 1, ID_MAX = 32, KEYS_MAX = 32, NONCE_BYTES = 12, TAG_BYTES = 16 };
enum { PLAIN_MAX = 1 << 20, PLACE_MAX = 8192 };

struct key {
	char id[ID_MAX + 1];
	uint8_t bytes[KEY_BYTES];
};

struct keyring {
	size_t count;
	struct key keys[KEYS_MAX]; /* newest first */
};

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	wipe(k, sizeof(*k));
	free(k);
}

static void cleanup_keyring(struct keyring **k)
{
	keyring_free(*k);
}

struct str keyring_newest_id(const struct keyring *k)
{
	return str_of(k->keys[0].id);
}

static const struct key *find_key(const struct keyring *k, struct str id)
{
	for (size_t i = 0; i < k->count; i++)
		if (str_eqz(id, k->keys[i].id))
			return &k->keys[i];
	return NULL;
}

static bool id_ok(struct str id)
{
	const struct str letters = STR("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
	if (id.len == 0 || id.len > ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (str_find(letters, id.ptr[i]) == letters.len)
			return false;
	return true;
}

/* NULL, or what is wrong with the entry. Never quotes it: whoever forgot the id wrote the key first. */
static const char *add_key(struct keyring *k, struct str entry)
{
	size_t colon = str_find(entry, ':');
	struct str id = {entry.ptr, colon};
	if (colon == entry.len || !id_ok(id))
		return "needs an id of up to 32 letters, digits, '-' or '_' before a colon: id:base64";
	if (find_key(k, id))
		return "has the id of an earlier entry: give each key its own";
	if (k->count == KEYS_MAX)
		return "is one key too many: 32 at most";
	struct str text = {entry.ptr + colon + 1, entry.len - colon - 1};
	uint8_t bytes[KEY_BYTES + 2];
	size_t len = 0;
	bool ok = text.len == TEXT_BYTES && b64_decode(text, bytes, &len) && len == KEY_BYTES;
	if (ok) {
		struct key *key = &k->keys[k->count++];
		memcpy(key->id, id.ptr, id.len);
		memcpy(key->bytes, bytes, KEY_BYTES);
	}
	wipe(bytes, sizeof(bytes));
	return ok ? NULL : "is not the base64 of 32 bytes after the colon: make one with `openssl rand -base64 32`";
}

enum err keyring_parse(struct str text, struct problem *ret_problem, struct keyring **ret)
{
	__cleanup(cleanup_keyring) struct keyring *k = calloc(1, sizeof(*k));
	if (!k)
		return ERR_NOMEM;
	struct str entry;
	text = text.ptr ? text : STR("");
	for (int number = 1; str_split(&text, ',', &entry); number++) {
		const char *wrong = add_key(k, str_trim(entry));
		if (!wrong)
			continue;
		(void)snprintf(ret_problem->place, sizeof(ret_problem->place), "secret keys");
		(void)snprintf(ret_problem->text, sizeof(ret_problem->text), "entry %d %s", number, wrong);
		return ERR_INVALID;
	}
	*ret = TAKE(k);
	return OK;
}

enum err keyring_random(struct keyring **ret)
{
	__cleanup(cleanup_keyring) struct keyring *k = calloc(1, sizeof(*k));
	if (!k)
		return ERR_NOMEM;
	memcpy(k->keys[0].id, "demo", sizeof("demo"));
	k->count = 1;
	if (!random_bytes(k->keys[0].bytes, KEY_BYTES))
		return ERR_IO;
	*ret = TAKE(k);
	return OK;
}

static void add_piece(struct buf *out, struct str piece)
{
	uint64_t len = piece.len;
	buf_add(out, &len, sizeof(len));
	buf_str(out, piece);
}

static void describe_place(struct seal_place place, struct str key_id, struct buf *out)
{
	buf_char(out, VERSION);
	add_piece(out, str_of(place.table));
	add_piece(out, str_of(place.column));
	add_piece(out, place.row);
	add_piece(out, key_id);
}

static void cleanup_cipher(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
	ERR_clear_error();
}

/* Keyed, with the place already authenticated; NULL when out of memory. */
static EVP_CIPHER_CTX *start_cipher(const struct key *key, const uint8_t *nonce, struct str place, int sealing)
{
	assert(algorithms.aes_256_gcm);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int len = 0;
	if (c && EVP_CipherInit_ex2(c, algorithms.aes_256_gcm, key->bytes, nonce, sealing, NULL) &&
	    EVP_CipherUpdate(c, NULL, &len, (const uint8_t *)place.ptr, (int)place.len))
		return c;
	EVP_CIPHER_CTX_free(c);
	return NULL;
}

enum err seal(const struct keyring *k, struct seal_place place, struct str plain, struct buf *out)
{
	if (plain.len > PLAIN_MAX)
		return ERR_TOO_LARGE;
	const struct key *key = &k->keys[0];
	struct str id = str_of(key->id);
	__cleanup_buf struct buf where = BUF_INIT(PLACE_MAX);
	describe_place(place, id, &where);
	uint8_t nonce[NONCE_BYTES];
	uint8_t tag[TAG_BYTES];
	if (!random_bytes(nonce, sizeof(nonce)))
		return ERR_IO;
	__cleanup_free uint8_t *cipher_text = malloc(plain.len + 1);
	if (where.err != OK || !cipher_text)
		return where.err != OK ? where.err : ERR_NOMEM;
	__cleanup(cleanup_cipher) EVP_CIPHER_CTX *c = start_cipher(key, nonce, buf_text(&where), 1);
	int len = 0;
	int rest = 0;
	if (!c || (plain.len && !EVP_CipherUpdate(c, cipher_text, &len, (const uint8_t *)plain.ptr, (int)plain.len)) ||
	    !EVP_CipherFinal_ex(c, cipher_text + len, &rest) ||
	    !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag))
		return ERR_NOMEM;
	assert((size_t)len == plain.len && rest == 0);
	buf_char(out, VERSION);
	buf_char(out, (char)id.len);
	buf_str(out, id);
	buf_add(out, nonce, sizeof(nonce));
	buf_add(out, cipher_text, plain.len);
	buf_add(out, tag, sizeof(tag));
	return out->err;
}

struct str sealed_key_id(struct str sealed)
{
	if (sealed.len < 2 || sealed.ptr[0] != VERSION)
		return STR("");
	struct str id = {sealed.ptr + 2, (unsigned char)sealed.ptr[1]};
	if (sealed.len < 2 + id.len + NONCE_BYTES + TAG_BYTES || !id_ok(id))
		return STR("");
	return id;
}

enum err unseal(const struct keyring *k, struct seal_place place, struct str sealed, struct buf *out)
{
	struct str id = sealed_key_id(sealed);
	const struct key *key = id.len ? find_key(k, id) : NULL;
	if (!key)
		return ERR_SEAL;
	const uint8_t *nonce = (const uint8_t *)id.ptr + id.len;
	const uint8_t *cipher_text = nonce + NONCE_BYTES;
	size_t plain_len = sealed.len - 2 - id.len - NONCE_BYTES - TAG_BYTES;
	if (plain_len > PLAIN_MAX)
		return ERR_SEAL;
	uint8_t tag[TAG_BYTES];
	memcpy(tag, cipher_text + plain_len, TAG_BYTES);

	__cleanup_buf struct buf where = BUF_INIT(PLACE_MAX);
	describe_place(place, id, &where);
	/* What is not authenticated yet stays here and never reaches out. */
	uint8_t *plain = malloc(plain_len + 1);
	if (where.err != OK || !plain) {
		free(plain);
		return where.err != OK ? where.err : ERR_NOMEM;
	}
	__cleanup(cleanup_cipher) EVP_CIPHER_CTX *c = start_cipher(key, nonce, buf_text(&where), 0);
	int len = 0;
	int rest = 0;
	enum err err = OK;
	if (!c || (plain_len && !EVP_CipherUpdate(c, plain, &len, cipher_text, (int)plain_len)) ||
	    !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag))
		err = ERR_NOMEM;
	else if (EVP_CipherFinal_ex(c, plain + len, &rest) != 1)
		err = ERR_SEAL;
	if (err == OK) {
		buf_add(out, plain, plain_len);
		err = out->err;
	}
	wipe(plain, plain_len);
	free(plain);
	return err;
}
