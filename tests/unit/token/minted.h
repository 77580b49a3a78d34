/* minted.h - tokens of exactly the bytes a test wants: header and claims as text, signed here, nothing checked. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/secret.h"

/* malloc'd. A signature of HS256 over whatever header says. */
static inline char *minted(const char *header, struct str claims, struct str secret)
{
	struct buf out = BUF_INIT(65536);
	b64url_encode(&out, (const uint8_t *)header, str_of(header).len);
	buf_char(&out, '.');
	b64url_encode(&out, (const uint8_t *)claims.ptr, claims.len);
	uint8_t mac[32];
	if (!hmac_sha256(secret, buf_text(&out), mac))
		abort();
	buf_char(&out, '.');
	b64url_encode(&out, mac, sizeof(mac));
	return buf_take(&out);
}
