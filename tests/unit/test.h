/* test.h - what every cmocka program includes, in the order cmocka wants it; a log that nobody reads. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* For log_set_sink(). */
static inline void quiet(const char *line, size_t len, void *arg)
{
	(void)line, (void)len, (void)arg;
}
