/* claims_twin.h - the promise of token/claims_json.h as one function, for the unit test and the fuzz target. */
#pragma once
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "token/claims_json.h"

/* Where the second reading stands: the object or array open at each depth, and how far arrays were told. */
struct claims_twin {
	const json_t *at[CLAIMS_DEPTH_MAX + 1];
	size_t next[CLAIMS_DEPTH_MAX + 1];
	size_t told;
	bool differs;
};

static inline bool claims_same_value(const json_t *twin, const struct claims_value *value)
{
	switch (value->type) {
	case CLAIMS_NULL:
		return json_is_null(twin);
	case CLAIMS_BOOL:
		return json_is_boolean(twin) && json_is_true(twin) == value->truth;
	case CLAIMS_NUMBER:
		return json_is_number(twin) && !(json_number_value(twin) < value->number) &&
		       !(json_number_value(twin) > value->number);
	case CLAIMS_STRING:
		return json_is_string(twin) &&
		       str_eq((struct str){json_string_value(twin), json_string_length(twin)}, value->text);
	case CLAIMS_OBJECT:
		return json_is_object(twin);
	case CLAIMS_ARRAY:
		return json_is_array(twin);
	}
	return false;
}

static inline bool claims_twin_step(void *arg, const struct str *path, size_t depth, const struct claims_value *value)
{
	struct claims_twin *t = arg;
	const json_t *parent = t->at[depth - 1], *twin;
	struct str name = path[depth - 1];
	if (name.ptr)
		twin = json_object_getn(parent, name.ptr, name.len);
	else
		twin = json_array_get(parent, t->next[depth - 1]++);
	t->told++;
	if (!claims_same_value(twin, value))
		t->differs = true;
	if (depth <= CLAIMS_DEPTH_MAX) {
		t->at[depth] = twin;
		t->next[depth] = 0;
	}
	return !t->differs;
}

static inline size_t claims_count(const json_t *value)
{
	size_t count = 0, i;
	const char *name;
	json_t *member;
	json_object_foreach((json_t *)(uintptr_t)value, name, member) count += 1 + claims_count(member);
	json_array_foreach(value, i, member) count += 1 + claims_count(member);
	return count;
}

static inline bool claims_take_all(void *arg, const struct str *path, size_t depth, const struct claims_value *value)
{
	(void)arg, (void)path, (void)depth, (void)value;
	return true;
}

static inline bool claims_accepts(struct str text)
{
	char *copy = malloc(text.len + 1);
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	bool accepted = claims_json_read(copy, text.len, claims_take_all, NULL);
	free(copy);
	return accepted;
}

/* Refused, or jansson reads the same values. */
static inline bool claims_agrees(struct str text)
{
	if (!claims_accepts(text))
		return true;
	json_t *root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	char *copy = malloc(text.len + 1);
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	struct claims_twin t = {.at = {root}};
	bool same = json_is_object(root) && claims_json_read(copy, text.len, claims_twin_step, &t) && !t.differs &&
	            t.told == claims_count(root);
	free(copy);
	json_decref(root);
	return same;
}
