/* json.h - reading JSON that comes from outside: jansson with our rules around it.
 *
 * Size capped by the caller, duplicate names refused, NUL bytes refused (raw or \u0000), depth capped. Getters check
 * the type: a wrong type is not "absent". */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Seeds jansson's hash tables and sets its allocator; crypto_init() calls it, before threads start. */
void json_init(void);
/* Strict parse of one object. ERR_INVALID, ERR_NOMEM. */
enum err json_read_object(struct str text, json_t **ret);
/* The same, and what is wrong with it, a literal: "the body is not UTF-8". */
enum err json_read_body(struct str text, json_t **ret, const char **ret_wrong);
/* The same for what a person wrote: ERR_INVALID also tells the place (line, column) and what is wrong (text). */
enum err json_read_file(struct str text, json_error_t *ret_error, json_t **ret);

enum json_get { JSON_ABSENT, JSON_BAD_TYPE, JSON_GOT };
/* null counts as absent. The str points into the json_t. */
enum json_get json_get_str(const json_t *obj, const char *name, struct str *ret);
enum json_get json_get_int(const json_t *obj, const char *name, int64_t *ret); /* a JSON number without fraction */
enum json_get json_get_bool(const json_t *obj, const char *name, bool *ret);
const json_t *json_get_obj(const json_t *obj, const char *name); /* NULL unless an object */
