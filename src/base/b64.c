/* b64.c - base64 and hex. See b64.h; rule: RFC 4648 sections 3.3 (no foreign bytes), 3.5 (unused bits zero), 4, 5. */
#include "base/b64.h"

/* Value of a letter plus one; 0 is a foreign byte. */
#define LETTERS                                                                                                        \
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10,     \
	['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19,        \
	['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,        \
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37,        \
	['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46,        \
	['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,        \
	['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62

static const uint8_t standard_values[256] = {LETTERS, ['+'] = 63, ['/'] = 64};
static const uint8_t url_values[256] = {LETTERS, ['-'] = 63, ['_'] = 64};
static const char standard_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* text without padding. */
static bool decode(const uint8_t values[static 256], struct str text, uint8_t *out, size_t *ret_len)
{
	if (text.len % 4 == 1)
		return false;
	uint32_t bits = 0;
	unsigned held = 0; /* bits not written yet: 0, 2, 4 */
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t value = values[(unsigned char)text.ptr[i]];
		if (value == 0)
			return false;
		bits = bits << 6 | (uint32_t)(value - 1);
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[len++] = (uint8_t)(bits >> held);
		}
	}
	if (bits & ((1U << held) - 1))
		return false;
	*ret_len = len;
	return true;
}

bool b64url_decode(struct str text, uint8_t *out, size_t *ret_len)
{
	return decode(url_values, text, out, ret_len);
}

bool b64_decode(struct str text, uint8_t *out, size_t *ret_len)
{
	if (text.len % 4 != 0)
		return false;
	for (int pads = 0; pads < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; pads++)
		text.len--;
	return decode(standard_values, text, out, ret_len);
}

static void encode(const char *letters, bool padded, struct buf *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16;
		bits |= n > 1 ? (uint32_t)data[i + 1] << 8 : 0;
		bits |= n > 2 ? (uint32_t)data[i + 2] : 0;
		char quad[4] = {letters[bits >> 18], letters[bits >> 12 & 63], letters[bits >> 6 & 63], letters[bits & 63]};
		buf_add(out, quad, n + 1);
		if (padded)
			buf_add(out, "==", 3 - n);
	}
}

void b64url_encode(struct buf *out, const uint8_t *data, size_t len)
{
	encode(url_letters, false, out, data, len);
}

void b64_encode(struct buf *out, const uint8_t *data, size_t len)
{
	encode(standard_letters, true, out, data, len);
}

void hex_encode(char *out, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
}
