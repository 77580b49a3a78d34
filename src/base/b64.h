/* b64.h - base64 (RFC 4648), standard and URL alphabets, hex. Decoders are strict: no white space, no foreign byte,
 * padding exactly as the alphabet's rule wants (standard: padded; URL: never), unused bits zero. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Decodes into out (room for len/4*3+2 bytes). False if it is not base64url without padding. */
bool b64url_decode(struct str text, uint8_t *out, size_t *ret_len);
bool b64_decode(struct str text, uint8_t *out, size_t *ret_len);
void b64url_encode(struct buf *out, const uint8_t *data, size_t len);
void b64_encode(struct buf *out, const uint8_t *data, size_t len);
/* Writes len*2 lower-case digits, no terminator. */
void hex_encode(char *out, const uint8_t *data, size_t len);
