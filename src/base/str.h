/* str.h - borrowed text: a pointer and a length, never owned, not necessarily NUL-terminated.
 *
 * Everything that comes from outside is handled as a struct str, so that a NUL byte or a missing terminator
 * can never shorten a comparison. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct str {
	const char *ptr;
	size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).len, (s).ptr

struct str str_of(const char *z); /* NULL gives the empty string */
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
bool str_ieq(struct str a, struct str b); /* ASCII case only */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_istarts(struct str s, struct str prefix);
struct str str_trim(struct str s);                      /* ASCII blank and tab */
struct str str_trim_end(struct str s, char c);          /* without every c at its end */
int str_cmp(struct str a, struct str b);                /* by unsigned bytes */
bool str_ifind(struct str haystack, struct str needle); /* ASCII case-insensitive "contains" */

/* Takes the piece before sep off *rest into *ret_piece; the last piece leaves *rest with ptr NULL. False when
 * *rest has ptr NULL. "a,,b" gives "a", "", "b". */
bool str_split(struct str *rest, char sep, struct str *ret_piece);
/* Position of c, or len if absent. */
size_t str_find(struct str s, char c);

/* Decimal digits with an optional '-', nothing else, in range. */
enum err str_to_int64(struct str s, int64_t *ret);

/* Whole text is well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF). */
bool utf8_valid(struct str s);
/* Bytes of the well-formed UTF-8 sequence s starts with; 0 if there is none. */
size_t utf8_sequence(struct str s);
/* No byte below 0x20 and no 0x7f. */
bool str_printable(struct str s);

/* malloc'd, NUL-terminated copy; NULL if out of memory. */
char *str_dup(struct str s);

/* FNV-1a with a seed chosen at start: hash tables keyed by what clients send. */
uint64_t str_hash(struct str s);
