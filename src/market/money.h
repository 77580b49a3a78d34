/* money.h - integer cents out of the decimal text of an amount.
 *
 * Reports write amounts as floats (62.5, 0.30000000000000004, 1e3). The text is read digit by digit; no float
 * arithmetic ever touches an amount. Halves round away from zero. An amount with more than eight decimals is noise of
 * somebody else's float: it is rounded to eight of them first, so that 0.28499999999999998 is the 0.285 that was meant.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* A JSON number, or the same in a string. False: not a number, or beyond CENTS_MAX either way; ret is untouched. */
#define CENTS_MAX INT64_C(9007199254740991) /* what every reader of JSON holds exactly */
bool money_cents(struct str text, int64_t *ret);
