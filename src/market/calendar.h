/* calendar.h - days and months as numbers, for the books. Pure functions. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* "2026-03-02" as days since 1970-01-01. False: not exactly that, or no such day. */
bool day_read(struct str text, int64_t *ret);
/* The same for text that may be NULL; `none` where it is no day. */
int64_t day_or(const char *text, int64_t none);
/* Months since year 0: year * 12 + (month - 1). */
int64_t month_of_day(int64_t day);
int64_t month_first_day(int64_t month);
int64_t month_last_day(int64_t month);
/* Whole calendar months from start to end, whether end is the day after the last one or the last one; 0: not whole. */
int64_t whole_months(int64_t start, int64_t end);
enum { MONTH_TEXT_SIZE = 8, DAY_TEXT_SIZE = 11 };
void month_text(int64_t month, char out[static MONTH_TEXT_SIZE]); /* "2026-03" */
void day_text(int64_t day, char out[static DAY_TEXT_SIZE]);       /* "2026-03-02" */
