/* check.h - cmocka with what it needs included first, and an assert for struct str. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static inline void assert_text(struct str got, const char *wanted)
{
	assert_int_equal(got.len, strlen(wanted));
	assert_memory_equal(got.ptr, wanted, got.len);
}
