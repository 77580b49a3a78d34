/* form.c - see form.h. */
#include "base/form.h"

#include <string.h>

bool form_next(struct str *rest, struct str *ret_name, struct str *ret_value)
{
	struct str piece;
	do {
		if (rest->ptr == NULL || !str_split(rest, '&', &piece))
			return false;
	} while (piece.len == 0);
	const char *eq = memchr(piece.ptr, '=', piece.len);
	size_t name_len = eq ? (size_t)(eq - piece.ptr) : piece.len;
	*ret_name = (struct str){piece.ptr, name_len};
	*ret_value = eq ? (struct str){eq + 1, piece.len - name_len - 1} : (struct str){piece.ptr + piece.len, 0};
	return true;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	char lower = (char)(c | 0x20);
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

unsigned char form_byte(struct str text, size_t *at)
{
	size_t i = (*at)++;
	char c = text.ptr[i];
	if (c == '+')
		return ' ';
	if (c != '%' || text.len - i < 3)
		return (unsigned char)c;
	int high = hex_digit(text.ptr[i + 1]), low = hex_digit(text.ptr[i + 2]);
	if (high < 0 || low < 0)
		return '%';
	*at = i + 3;
	return (unsigned char)(high * 16 + low);
}

bool form_decode(struct arena *a, struct str raw, struct str *ret)
{
	if (raw.len == 0 || (!memchr(raw.ptr, '%', raw.len) && !memchr(raw.ptr, '+', raw.len))) {
		*ret = raw;
		return true;
	}
	char *out = arena_alloc(a, raw.len);
	if (!out)
		return false;
	size_t len = 0;
	for (size_t at = 0; at < raw.len;)
		out[len++] = (char)form_byte(raw, &at);
	*ret = (struct str){out, len};
	return true;
}

bool form_is(struct str raw, const char *z)
{
	size_t at = 0;
	while (*z && at < raw.len)
		if ((char)form_byte(raw, &at) != *z++)
			return false;
	return *z == '\0' && at == raw.len;
}
