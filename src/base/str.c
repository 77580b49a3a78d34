/* str.c - borrowed text. See str.h. All functions are pure but for str_dup (allocates) and str_hash (a seed drawn
 * once, before main, so that clients cannot choose keys that collide). */
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct str str_of(const char *z)
{
	if (!z)
		return STR("");
	return (struct str){z, strlen(z)};
}

static unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;
	return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eqz(struct str a, const char *z)
{
	return str_eq(a, str_of(z));
}

bool str_ieq(struct str a, struct str b)
{
	return a.len == b.len && str_istarts(a, b);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq((struct str){s.ptr, prefix.len}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	if (s.len < suffix.len)
		return false;
	return suffix.len == 0 || str_eq((struct str){s.ptr + (s.len - suffix.len), suffix.len}, suffix);
}

bool str_istarts(struct str s, struct str prefix)
{
	if (s.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++)
		if (lower(s.ptr[i]) != lower(prefix.ptr[i]))
			return false;
	return true;
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = (struct str){s.ptr + 1, s.len - 1};
	while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

struct str str_trim_end(struct str s, char c)
{
	while (s.len > 0 && s.ptr[s.len - 1] == c)
		s.len--;
	return s;
}

int str_cmp(struct str a, struct str b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool str_ifind(struct str haystack, struct str needle)
{
	if (needle.len == 0)
		return true;
	/* The first byte decides nearly always: searches run over every tenant. */
	const unsigned char first = lower(needle.ptr[0]);
	for (; haystack.len >= needle.len; haystack.ptr++, haystack.len--)
		if (lower(haystack.ptr[0]) == first && str_istarts(haystack, needle))
			return true;
	return false;
}

size_t str_find(struct str s, char c)
{
	const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
	return at ? (size_t)(at - s.ptr) : s.len;
}

bool str_split(struct str *rest, char sep, struct str *ret_piece)
{
	if (!rest->ptr)
		return false;
	size_t at = str_find(*rest, sep);
	*ret_piece = (struct str){rest->ptr, at};
	if (at == rest->len)
		*rest = (struct str){NULL, 0};
	else
		*rest = (struct str){rest->ptr + at + 1, rest->len - at - 1};
	return true;
}

enum err str_to_int64(struct str s, int64_t *ret)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	size_t i = negative ? 1 : 0;
	if (i == s.len)
		return ERR_INVALID;
	/* Counted downwards: the negative range is one larger. */
	int64_t n = 0;
	for (; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return ERR_INVALID;
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, s.ptr[i] - '0', &n))
			return ERR_INVALID;
	}
	if (!negative && n == INT64_MIN)
		return ERR_INVALID;
	*ret = negative ? n : -n;
	return OK;
}

/* Unicode 15, table 3-7: the second byte's range depends on the first, further ones are 80..BF. */
size_t utf8_sequence(struct str s)
{
	if (s.len == 0)
		return 0;
	const unsigned char *p = (const unsigned char *)s.ptr;
	if (p[0] < 0x80)
		return 1;
	size_t len = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	if (len == 0 || len > s.len)
		return 0;
	unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool utf8_valid(struct str s)
{
	while (s.len > 0) {
		size_t n = utf8_sequence(s);
		if (n == 0)
			return false;
		s = (struct str){s.ptr + n, s.len - n};
	}
	return true;
}

bool str_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return true;
}

char *str_dup(struct str s)
{
	char *copy = malloc(s.len + 1);
	if (!copy)
		return NULL;
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

static uint64_t hash_seed;

__attribute__((constructor)) static void draw_hash_seed(void)
{
	if (getrandom(&hash_seed, sizeof(hash_seed), GRND_NONBLOCK) == (ssize_t)sizeof(hash_seed))
		return;
	/* Early boot without entropy: weaker, but still not the same on every start. */
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	hash_seed = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(uintptr_t)&now;
}

uint64_t str_hash(struct str s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ hash_seed;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
	return h;
}
