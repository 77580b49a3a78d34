/* vectors.h - what tests of tokens share: cmocka, the vector files, text from JSON. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/str.h"

static inline json_t *vectors_load(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), TESTS_DIR "/vectors/%s", name);
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	if (!root)
		fail_msg("%s: %s", path, error.text);
	return root;
}

/* Text of a member, empty when absent. Points into the json. */
static inline struct str text_of(const json_t *object, const char *name)
{
	const json_t *text = json_object_get(object, name);
	return (struct str){text ? json_string_value(text) : "", text ? json_string_length(text) : 0};
}

#define assert_str(actual, expected)                                                                                   \
	do {                                                                                                               \
		struct str actual_ = (actual), expected_ = (expected);                                                         \
		if (!str_eq(actual_, expected_))                                                                               \
			fail_msg("got \"%.*s\", expected \"%.*s\"", STR_ARG(actual_), STR_ARG(expected_));                         \
	} while (0)
