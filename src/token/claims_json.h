/* claims_json.h - a strict JSON reader for token headers and claims: one pass, no tree, no allocation.
 *
 * Takes the complete grammar of RFC 8259 and nothing else, and refuses what two readers could read differently:
 * duplicate names at any level (compared after unescaping), text that is not UTF-8, lone surrogates, \u0000, numbers
 * that fit neither int64 nor a finite double, nesting over CLAIMS_DEPTH_MAX. What it accepts, jansson with
 * JSON_REJECT_DUPLICATES accepts with the same values (tests/unit/connect/test_claims_json.c). Pure, thread-safe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { CLAIMS_DEPTH_MAX = 16, CLAIMS_NAMES_MAX = 256 };

enum claims_type { CLAIMS_NULL, CLAIMS_BOOL, CLAIMS_NUMBER, CLAIMS_STRING, CLAIMS_OBJECT, CLAIMS_ARRAY };

struct claims_value {
	enum claims_type type;
	bool truth;
	double number;
	struct str text;
};

/* Told of every value in order, containers when they open. path[0..depth) are the names from the root down, an array's
 * elements have a name with ptr NULL. False stops the reading: the text is refused. */
typedef bool claims_fn(void *arg, const struct str *path, size_t depth, const struct claims_value *value);

/* text: one object, text[len] must be NUL. Strings are unescaped in place, so text is changed and the values told point
 * into it. At most CLAIMS_NAMES_MAX names in objects open at once. False: not strict JSON, or fn said so. */
bool claims_json_read(char *text, size_t len, claims_fn *fn, void *arg);
