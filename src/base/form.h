/* form.h - the raw query of a request, piece by piece, as the qsh rules read it.
 *
 * Split on '&' only, empty pieces skipped, name and value parted at the first '=', '+' is a space, %XX a byte, a
 * malformed %zz stays as it is. Nothing is copied unless something must change. Pure; text lives in the arena given. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

/* Value of a hexadecimal digit of either case; -1 for any other byte. */
int hex_digit(char c);
/* Next piece of the query, both parts raw; a missing '=' gives an empty value. False at the end. */
bool form_next(struct str *rest, struct str *ret_name, struct str *ret_value);
/* The byte that stands at text[*at], escapes resolved; moves *at past it. */
unsigned char form_byte(struct str text, size_t *at);
/* Decoded text; raw itself when there is nothing to decode. False: out of memory. */
bool form_decode(struct arena *a, struct str raw, struct str *ret);
/* Whether raw decodes to the plain text z, which has no byte that needs decoding. No allocation. */
bool form_is(struct str raw, const char *z);
