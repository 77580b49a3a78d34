/* Keyring, sealed values and digests: what opens, and everything that must not. */
#include "check.h"

#include <pthread.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/secret.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="
#define SECRET "ATCOe1-shared-secret"

static const struct seal_place home = {"tenants", "shared_secret", {"client-1", 8}};

static struct keyring *keys(const char *text)
{
	struct problem p;
	struct keyring *k = NULL;
	assert_int_equal(keyring_parse(str_of(text), &p, &k), OK);
	return k;
}

static void sealed(const struct keyring *k, struct buf *out)
{
	assert_int_equal(seal(k, home, STR(SECRET), out), OK);
}

static enum err open_at(const struct keyring *k, struct seal_place place, struct str text)
{
	__cleanup(buf_wipe) struct buf plain = BUF_INIT(1 << 21);
	enum err err = unseal(k, place, text, &plain);
	assert_text(buf_text(&plain), err == OK ? SECRET : "");
	return err;
}

static void opens_where_it_was_sealed(void **state)
{
	(void)state;
	struct keyring *k = keys("k1:" KEY_A);
	__cleanup_buf struct buf first = BUF_INIT(1000);
	__cleanup_buf struct buf second = BUF_INIT(1000);
	sealed(k, &first);
	sealed(k, &second);
	assert_int_equal(open_at(k, home, buf_text(&first)), OK);
	assert_text(sealed_key_id(buf_text(&first)), "k1");
	assert_null(memmem(first.data, first.len, SECRET, strlen(SECRET)));
	assert_false(str_eq(buf_text(&first), buf_text(&second))); /* a nonce of its own each */

	__cleanup_buf struct buf nothing = BUF_INIT(100);
	__cleanup_buf struct buf plain = BUF_INIT(100);
	assert_int_equal(seal(k, home, STR(""), &nothing), OK);
	assert_int_equal(unseal(k, home, buf_text(&nothing), &plain), OK);
	assert_text(buf_text(&plain), "");
	keyring_free(k);
}

static void does_not_open_anywhere_else(void **state)
{
	(void)state;
	struct keyring *k = keys("k1:" KEY_A);
	__cleanup_buf struct buf b = BUF_INIT(1000);
	sealed(k, &b);
	static const struct seal_place others[] = {
	    {"tenants", "shared_secret", {"client-2", 8}}, {"tenants", "shared_secret", {"client-1\0", 9}},
	    {"tenants", "shared_secret", {"", 0}},         {"tenants", "contact", {"client-1", 8}},
	    {"aliases", "shared_secret", {"client-1", 8}}, {"tenantsshared", "_secret", {"client-1", 8}},
	    {"tenants", "shared_secretclient", {"-1", 2}},
	};
	for (size_t i = 0; i < COUNT(others); i++)
		assert_int_equal(open_at(k, others[i], buf_text(&b)), ERR_SEAL);
	keyring_free(k);
}

static void no_altered_or_shortened_value_opens(void **state)
{
	(void)state;
	struct keyring *k = keys("k1:" KEY_A ",k3:" KEY_A); /* k1 altered to k3 has the very same key */
	__cleanup_buf struct buf b = BUF_INIT(1000);
	sealed(k, &b);
	for (size_t i = 0; i < b.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			b.data[i] = (char)(b.data[i] ^ (1 << bit));
			assert_int_equal(open_at(k, home, buf_text(&b)), ERR_SEAL);
			b.data[i] = (char)(b.data[i] ^ (1 << bit));
		}
		assert_int_equal(open_at(k, home, (struct str){b.data, i}), ERR_SEAL);
	}
	assert_int_equal(open_at(k, home, buf_text(&b)), OK);
	buf_char(&b, 'x');
	assert_int_equal(open_at(k, home, buf_text(&b)), ERR_SEAL);
	assert_int_equal(open_at(k, home, (struct str){NULL, 0}), ERR_SEAL);
	keyring_free(k);
}

static void keys_rotate(void **state)
{
	(void)state;
	struct keyring *older = keys("2025:" KEY_A);
	struct keyring *both = keys("2026:" KEY_B ", 2025:" KEY_A);
	struct keyring *newer = keys("2026:" KEY_B);
	struct keyring *renamed = keys("2025:" KEY_B);
	__cleanup_buf struct buf old_value = BUF_INIT(1000);
	__cleanup_buf struct buf new_value = BUF_INIT(1000);
	sealed(older, &old_value);
	sealed(both, &new_value);
	assert_text(keyring_newest_id(both), "2026");
	assert_text(sealed_key_id(buf_text(&new_value)), "2026");
	assert_int_equal(open_at(both, home, buf_text(&old_value)), OK);
	assert_int_equal(open_at(newer, home, buf_text(&new_value)), OK);
	assert_int_equal(open_at(newer, home, buf_text(&old_value)), ERR_SEAL);
	assert_int_equal(open_at(renamed, home, buf_text(&old_value)), ERR_SEAL);
	keyring_free(older);
	keyring_free(both);
	keyring_free(newer);
	keyring_free(renamed);
}

static void output_and_size_are_bounded(void **state)
{
	(void)state;
	struct keyring *k = keys("k1:" KEY_A);
	static char large[(1 << 20) + 1];
	__cleanup_buf struct buf b = BUF_INIT(sizeof(large) + 100);
	assert_int_equal(seal(k, home, (struct str){large, sizeof(large)}, &b), ERR_TOO_LARGE);
	assert_int_equal(b.len, 0);
	assert_int_equal(seal(k, home, (struct str){large, sizeof(large) - 1}, &b), OK);
	__cleanup_buf struct buf small = BUF_INIT(10);
	assert_int_equal(unseal(k, home, buf_text(&b), &small), ERR_TOO_LARGE);
	assert_int_equal(small.len, 0);
	__cleanup_buf struct buf tight = BUF_INIT(10);
	assert_int_equal(seal(k, home, STR(SECRET), &tight), ERR_TOO_LARGE);
	keyring_free(k);
}

static void bad_keyrings_are_told_without_the_key(void **state)
{
	(void)state;
	static const char *const rows[] = {
	    "",
	    ",",
	    "k1:" KEY_A ",",
	    KEY_A,
	    ":" KEY_A,
	    "k 1:" KEY_A,
	    "k\xc3\xa9:" KEY_A,
	    "abcdefghijklmnopqrstuvwxyz0123456:" KEY_A,
	    "k1:" KEY_A ",k1:" KEY_B,
	    "k1:",
	    "k1:AAAA",
	    "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	    "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gIQ==",
	    "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
	    "k1:" KEY_A " ,k2:x",
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct problem p = {0};
		struct keyring *k = NULL;
		if (keyring_parse(str_of(rows[i]), &p, &k) != ERR_INVALID)
			fail_msg("%s", rows[i]);
		assert_null(k);
		assert_memory_equal(p.text, "entry ", 6);
		assert_null(strstr(p.text, "AAECAw"));
	}
	struct problem p = {0};
	struct keyring *k = NULL;
	assert_int_equal(keyring_parse((struct str){NULL, 0}, &p, &k), ERR_INVALID);
	k = keys("abcdefghijklmnopqrstuvwxyz-_0123:" KEY_A); /* the longest id */
	keyring_free(k);
	keyring_free(NULL);
}

static void random_keyrings_differ(void **state)
{
	(void)state;
	struct keyring *a = NULL;
	struct keyring *b = NULL;
	assert_int_equal(keyring_random(&a), OK);
	assert_int_equal(keyring_random(&b), OK);
	assert_text(keyring_newest_id(a), "demo");
	__cleanup_buf struct buf value = BUF_INIT(1000);
	sealed(a, &value);
	assert_int_equal(open_at(a, home, buf_text(&value)), OK);
	assert_int_equal(open_at(b, home, buf_text(&value)), ERR_SEAL);
	keyring_free(a);
	keyring_free(b);
}

static void assert_hex(const uint8_t digest[static 32], const char *wanted)
{
	char hex[64];
	hex_encode(hex, digest, 32);
	assert_memory_equal(hex, wanted, 64);
}

/* FIPS 180-2 appendix B; RFC 4231 cases 1, 2, 3 and 6 (a key longer than a block). */
static void digests_match_published_vectors(void **state)
{
	(void)state;
	uint8_t out[32];
	sha256("abc", 3, out);
	assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(NULL, 0, out);
	assert_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

	char key_1[20], key_3[20], data_3[50], key_6[131];
	memset(key_1, 0x0b, sizeof(key_1));
	memset(key_3, 0xaa, sizeof(key_3));
	memset(data_3, 0xdd, sizeof(data_3));
	memset(key_6, 0xaa, sizeof(key_6));
	const struct {
		struct str key, data;
		const char *mac;
	} rows[] = {
	    {{key_1, 20}, STR("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	    {STR("Jefe"), STR("what do ya want for nothing?"),
	     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	    {{key_3, 20}, {data_3, 50}, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	    {{key_6, 131},
	     STR("Test Using Larger Than Block-Size Key - Hash Key First"),
	     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	};
	for (size_t round = 0; round < 2; round++) { /* the context is used again */
		for (size_t i = 0; i < COUNT(rows); i++) {
			assert_true(hmac_sha256(rows[i].key, rows[i].data, out));
			assert_hex(out, rows[i].mac);
		}
	}
	assert_false(hmac_sha256(STR(""), STR("data"), out));
	assert_false(hmac_sha256((struct str){NULL, 0}, STR("data"), out));
}

static void hmac_sha1_as_segment_and_rfc_2202_have_it(void **state)
{
	(void)state;
	uint8_t out[20];
	static const struct {
		struct str key, data;
		const char *mac;
	} rows[] = {
	    {STR("abc123"), STR("{\"cool\":true}"), "5099cab379b3be52908387457007040cc934ef86"},
	    {STR("Jefe"), STR("what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(hmac_sha1(rows[i].key, rows[i].data, out));
		char hex[41] = "";
		hex_encode(hex, out, sizeof(out));
		assert_string_equal(hex, rows[i].mac);
	}
	assert_false(hmac_sha1(STR(""), STR("data"), out));
}

struct hashing {
	char key[8];
	bool ok;
};

static void *hash_often(void *arg)
{
	struct hashing *h = arg;
	uint8_t first[32];
	uint8_t again[32];
	struct str key = {h->key, sizeof(h->key)};
	h->ok = hmac_sha256(key, STR("data"), first);
	for (int i = 0; i < 2000; i++)
		h->ok = h->ok && hmac_sha256(key, STR("data"), again) && bytes_equal(first, again, sizeof(first));
	return NULL;
}

static void threads_do_not_share_a_context(void **state)
{
	(void)state;
	enum { THREADS = 4 };
	pthread_t threads[THREADS];
	struct hashing work[THREADS];
	for (int i = 0; i < THREADS; i++) {
		memset(work[i].key, 'a' + i, sizeof(work[i].key));
		assert_int_equal(pthread_create(&threads[i], NULL, hash_often, &work[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(work[i].ok);
	}
}

static void equality_needs_something_to_compare(void **state)
{
	(void)state;
	assert_true(bytes_equal("abc", "abc", 3));
	assert_false(bytes_equal("abc", "abd", 3));
	assert_false(bytes_equal("abc", "abc", 0));
}

static void random_text_is_of_its_alphabet(void **state)
{
	(void)state;
	char text[1001];
	bool seen[256] = {false};
	assert_true(random_text(text, 1000));
	assert_int_equal(strlen(text), 1000);
	assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789"), 1000);
	int different = 0;
	for (size_t i = 0; i < 1000; i++) {
		different += !seen[(unsigned char)text[i]];
		seen[(unsigned char)text[i]] = true;
	}
	assert_true(different > 30); /* of 36; fewer has a chance of less than one in 10^30 */
	char none[1] = {'x'};
	assert_true(random_text(none, 0));
	assert_int_equal(none[0], 0);
}

static int start(void **state)
{
	(void)state;
	return crypto_init() && crypto_init() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opens_where_it_was_sealed),
	    cmocka_unit_test(does_not_open_anywhere_else),
	    cmocka_unit_test(no_altered_or_shortened_value_opens),
	    cmocka_unit_test(keys_rotate),
	    cmocka_unit_test(output_and_size_are_bounded),
	    cmocka_unit_test(bad_keyrings_are_told_without_the_key),
	    cmocka_unit_test(random_keyrings_differ),
	    cmocka_unit_test(digests_match_published_vectors),
	    cmocka_unit_test(hmac_sha1_as_segment_and_rfc_2202_have_it),
	    cmocka_unit_test(threads_do_not_share_a_context),
	    cmocka_unit_test(equality_needs_something_to_compare),
	    cmocka_unit_test(random_text_is_of_its_alphabet),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
