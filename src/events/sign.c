/* sign.c - base64(HMAC-SHA256(key, id.timestamp.body)). See sign.h. */
#include "events/sign.h"

#include <string.h>

#include "base/b64.h"
#include "base/secret.h"

enum { SIGNED_MAX = 32 * 1024, NEW_KEY_BYTES = 32 };
static const struct str prefix = STR("whsec_");

bool signing_secret_read(struct str text, struct signing_key *ret)
{
	uint8_t bytes[SIGNING_KEY_MAX + 8];
	size_t len = 0;
	if (!str_starts(text, prefix))
		return false;
	const struct str digits = {text.ptr + prefix.len, text.len - prefix.len};
	if (digits.len > (SIGNING_KEY_MAX + 2) / 3 * 4 || !b64_decode(digits, bytes, &len))
		return false;
	bool fits = len >= SIGNING_KEY_MIN && len <= SIGNING_KEY_MAX;
	if (fits) {
		memcpy(ret->at, bytes, len);
		ret->len = len;
	}
	wipe(bytes, sizeof(bytes));
	return fits;
}

bool signing_secret_new(char ret[static SIGNING_SECRET_SIZE])
{
	uint8_t bytes[NEW_KEY_BYTES];
	struct buf text = BUF_INIT(SIGNING_SECRET_SIZE);
	bool ok = random_bytes(bytes, sizeof(bytes));
	buf_str(&text, prefix);
	b64_encode(&text, bytes, sizeof(bytes));
	ok = ok && text.err == OK && text.len < SIGNING_SECRET_SIZE;
	if (ok)
		memcpy(ret, text.data, text.len + 1);
	buf_wipe(&text);
	wipe(bytes, sizeof(bytes));
	return ok;
}

enum err webhook_sign(const struct signing_key *keys, size_t count, struct str id, int64_t timestamp_s, struct str body,
                      struct buf *out)
{
	__cleanup_buf struct buf text = BUF_INIT(SIGNED_MAX);
	buf_str(&text, id);
	buf_char(&text, '.');
	buf_int(&text, timestamp_s);
	buf_char(&text, '.');
	buf_str(&text, body);
	if (text.err != OK)
		return text.err;
	for (size_t i = 0; i < count; i++) {
		uint8_t mac[32];
		const struct str key = {(const char *)keys[i].at, keys[i].len};
		if (!hmac_sha256(key, buf_text(&text), mac))
			return key.len ? ERR_NOMEM : ERR_INVALID;
		buf_z(out, i > 0 ? " v1," : "v1,");
		b64_encode(out, mac, sizeof(mac));
	}
	return out->err;
}
