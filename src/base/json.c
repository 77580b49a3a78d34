/* json.c - reading JSON from outside. See json.h.
 *
 * jansson refuses \u0000 in strings and names by itself (no JSON_ALLOW_NUL) and nests 2,048 levels at most. It reports
 * some failed allocations as syntax errors, which would turn "try again later" into "your fault": so it allocates
 * through a function that remembers the failure for its thread. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local bool out_of_memory;

static void *allocate(size_t size)
{
	void *p = malloc(size);
	out_of_memory = out_of_memory || !p;
	return p;
}

void json_init(void)
{
	json_set_alloc_funcs(allocate, free);
	json_object_seed(0);
}

static enum err read_object(struct str text, json_error_t *error, json_t **ret)
{
	out_of_memory = false;
	json_t *root = json_loadb(text.len ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, error);
	/* Also where a tree came back: the lexer goes on with a cut text when its buffer cannot grow. */
	if (out_of_memory) {
		json_decref(root);
		return ERR_NOMEM;
	}
	if (!root)
		return ERR_INVALID;
	if (!json_is_object(root)) {
		json_decref(root);
		*error = (json_error_t){.line = 1, .column = 1, .text = "an object is needed, within { and }"};
		return ERR_INVALID;
	}
	*ret = root;
	return OK;
}

static const char *body_wrong(struct str text, const json_error_t *e)
{
	if (text.len == 0)
		return "a body is needed: a JSON object";
	if (memchr(text.ptr, '\0', text.len))
		return "the body has a NUL byte";
	static const struct {
		enum json_error_code code;
		const char *wrong;
	} table[] = {{json_error_duplicate_key, "the body has a member twice"},
	             {json_error_null_character, "the body has a \\u0000"},
	             {json_error_null_byte_in_key, "the body has a \\u0000"},
	             {json_error_invalid_utf8, "the body is not UTF-8"},
	             {json_error_numeric_overflow, "the body has a number that is too large"}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (json_error_code(e) == table[i].code)
			return table[i].wrong;
	return "the body is not a JSON object";
}

enum err json_read_body(struct str text, json_t **ret, const char **ret_wrong)
{
	json_error_t e = {.line = 0};
	enum err err = text.len == 0 || memchr(text.ptr, '\0', text.len) ? ERR_INVALID : read_object(text, &e, ret);
	if (err == ERR_INVALID)
		*ret_wrong = body_wrong(text, &e);
	return err;
}

enum err json_read_object(struct str text, json_t **ret)
{
	const char *ignored;
	return json_read_body(text, ret, &ignored);
}

enum err json_read_file(struct str text, json_error_t *ret_error, json_t **ret)
{
	return read_object(text, ret_error, ret);
}

static const json_t *member(const json_t *obj, const char *name)
{
	const json_t *value = json_object_get(obj, name);
	return json_is_null(value) ? NULL : value;
}

enum json_get json_get_str(const json_t *obj, const char *name, struct str *ret)
{
	const json_t *value = member(obj, name);
	if (!value)
		return JSON_ABSENT;
	if (!json_is_string(value))
		return JSON_BAD_TYPE;
	*ret = (struct str){json_string_value(value), json_string_length(value)};
	return JSON_GOT;
}

enum json_get json_get_int(const json_t *obj, const char *name, int64_t *ret)
{
	const json_t *value = member(obj, name);
	if (!value)
		return JSON_ABSENT;
	if (!json_is_integer(value))
		return JSON_BAD_TYPE;
	*ret = json_integer_value(value);
	return JSON_GOT;
}

enum json_get json_get_bool(const json_t *obj, const char *name, bool *ret)
{
	const json_t *value = member(obj, name);
	if (!value)
		return JSON_ABSENT;
	if (!json_is_boolean(value))
		return JSON_BAD_TYPE;
	*ret = json_is_true(value);
	return JSON_GOT;
}

const json_t *json_get_obj(const json_t *obj, const char *name)
{
	const json_t *value = json_object_get(obj, name);
	return json_is_object(value) ? value : NULL;
}
