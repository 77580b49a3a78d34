/* body.c - see body.h.
 *
 * jansson reads the body once, strictly. How long each event of a batch was written is not in its tree: where a body is
 * long enough for it to matter, the raw text is walked again, which is easy, since it is known to be JSON by then. */
#include "segment/body.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

enum { SHARED_MAX_BYTES = 8 * 1024 * 1024 }; /* half of what a batch may take, with all its events */

bool body_call_of(struct str name, bool *ret_batch, enum segment_call *ret_call)
{
	/* The short names are those that Segment's browser library asks for. */
	static const struct {
		const char *name, *call;
	} names[] = {{"track", "track"}, {"t", "track"}, {"identify", "identify"}, {"i", "identify"},
	             {"page", "page"},   {"p", "page"},  {"screen", "screen"},     {"s", "screen"},
	             {"group", "group"}, {"g", "group"}, {"alias", "alias"},       {"a", "alias"},
	             {"batch", NULL},    {"b", NULL},    {"import", NULL}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!str_eqz(name, names[i].name))
			continue;
		*ret_batch = !names[i].call;
		*ret_call = names[i].call ? segment_call_of(str_of(names[i].call)) : CALL_UNKNOWN;
		return true;
	}
	return false;
}

static bool refuse(struct body_problem *p, const char *text)
{
	(void)snprintf(p->text, sizeof(p->text), "%s", text);
	return false;
}

static bool refuse_event(struct body_problem *p, size_t index, const char *text)
{
	(void)snprintf(p->text, sizeof(p->text), "Event %zu of the batch: %s", index + 1, text);
	return false;
}

/* ---- the raw text of valid JSON ---- */

static size_t skip_blank(struct str s, size_t at)
{
	while (at < s.len && strchr(" \t\r\n", s.ptr[at]))
		at++;
	return at;
}

static size_t skip_string(struct str s, size_t at)
{
	for (at++; at < s.len && s.ptr[at] != '"'; at++)
		if (s.ptr[at] == '\\')
			at++;
	return at + 1;
}

/* Behind the value that starts at `at`. */
static size_t skip_value(struct str s, size_t at)
{
	size_t depth = 0;
	do {
		const char c = s.ptr[at];
		if (c == '"') {
			at = skip_string(s, at);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else if (depth == 0) {
			while (at < s.len && !strchr(",]} \t\r\n", s.ptr[at]))
				at++;
			return at;
		}
		at++;
	} while (at < s.len && depth > 0);
	return at;
}

/* Behind the '[' of the object's member with that index. */
static size_t find_array(struct str s, size_t member)
{
	size_t at = skip_blank(s, 0) + 1;
	for (size_t i = 0;; i++) {
		at = skip_blank(s, skip_string(s, skip_blank(s, at))) + 1; /* name and colon */
		at = skip_blank(s, at);
		if (i == member || at >= s.len)
			return at + 1;
		at = skip_blank(s, skip_value(s, at)) + 1; /* value and comma */
	}
}

/* Members keep their order in jansson. */
static size_t index_of(json_t *object, const char *name)
{
	const char *key;
	json_t *value;
	size_t i = 0;
	json_object_foreach(object, key, value)
	{
		if (strcmp(key, name) == 0)
			break;
		i++;
	}
	return i;
}

/* Index of the first event that is too long, or count. */
static size_t first_too_long(struct str raw, json_t *root, size_t count)
{
	if (raw.len <= SEGMENT_EVENT_MAX)
		return count;
	size_t at = find_array(raw, index_of(root, "batch"));
	for (size_t i = 0; i < count; i++) {
		at = skip_blank(raw, at);
		const size_t end = skip_value(raw, at);
		if (end - at > SEGMENT_EVENT_MAX)
			return i;
		at = skip_blank(raw, end) + 1;
	}
	return count;
}

/* ---- tracking ---- */

static bool read_write_key(const struct event_reader *r, const json_t *root, struct body *b, struct body_problem *p)
{
	struct str key = STR("");
	if (json_get_str(root, "writeKey", &key) == JSON_BAD_TYPE)
		return refuse(p, "\"writeKey\" is not text.");
	if (key.len == 0)
		return true;
	b->write_key = (struct str){arena_strz(r->arena, key), key.len};
	p->err = b->write_key.ptr ? OK : ERR_NOMEM;
	return p->err == OK;
}

static bool room_for(const struct event_reader *r, size_t count, struct body *b, struct body_problem *p)
{
	b->rows = arena_zalloc(r->arena, (count ? count : 1) * sizeof(*b->rows));
	p->err = b->rows ? OK : ERR_NOMEM;
	return b->rows;
}

/* What a batch says of all its events: each takes of it what it does not say itself. Source: Segment's "HTTP API",
 * Batch. */
static const char *const shared_members[] = {"context", "integrations"};
enum { SHARED_MEMBERS = sizeof(shared_members) / sizeof(shared_members[0]) };

/* It is written anew for each event that is passed on. */
static bool shared_fits(const json_t *root, size_t count)
{
	size_t size = 0;
	for (size_t i = 0; i < SHARED_MEMBERS; i++)
		size += json_dumpb(json_object_get(root, shared_members[i]), NULL, 0, JSON_COMPACT);
	return size <= SEGMENT_EVENT_MAX && size * count <= SHARED_MAX_BYTES;
}

/* False: out of memory. */
static bool share(json_t *root, json_t *event)
{
	bool done = true;
	for (size_t i = 0; i < SHARED_MEMBERS; i++) {
		json_t *shared = json_object_get(root, shared_members[i]), *own = json_object_get(event, shared_members[i]);
		if (!json_is_object(shared) || !json_is_object(event))
			continue;
		if (!own)
			done = done && json_object_set(event, shared_members[i], shared) == 0;
		else if (json_is_object(own))
			done = done && json_object_update_missing(own, shared) == 0;
	}
	return done;
}

static bool read_batch(const struct event_reader *r, struct str raw, json_t *root, struct body *b,
                       struct body_problem *p)
{
	json_t *batch = json_object_get(root, "batch");
	const size_t count = json_array_size(batch);
	if (!json_is_array(batch))
		return refuse(p, "\"batch\" is not an array of events.");
	if (count > SEGMENT_BATCH_EVENTS_MAX)
		return refuse(p, "A batch has more than 2,500 events.");
	const size_t long_one = first_too_long(raw, root, count);
	if (long_one < count)
		return refuse_event(p, long_one, "it is over 32 KB.");
	if (!shared_fits(root, count))
		return refuse(p, "\"context\" and \"integrations\" of the batch are too large for so many events.");
	if (!room_for(r, count, b, p))
		return false;
	struct event_reader one = *r;
	for (one.index = 0; one.index < count; one.index++) {
		json_t *event = json_array_get(batch, one.index);
		if (!share(root, event)) {
			p->err = ERR_NOMEM;
			return false;
		}
		const char *wrong = event_read(&one, CALL_UNKNOWN, event, &b->rows[b->count], &p->err);
		if (wrong)
			return refuse_event(p, one.index, wrong);
		if (p->err != OK)
			return false;
		b->count++;
	}
	return true;
}

static bool read_one(const struct event_reader *r, enum segment_call call, json_t *root, struct body *b,
                     struct body_problem *p)
{
	if (!room_for(r, 1, b, p))
		return false;
	const char *wrong = event_read(r, call, root, b->rows, &p->err);
	if (wrong)
		return refuse(p, wrong);
	b->count = 1;
	return p->err == OK;
}

bool body_read_tracked(const struct event_reader *r, bool is_batch, enum segment_call call, struct str raw,
                       struct body *ret, struct body_problem *ret_problem)
{
	struct body b = {.write_key = STR("")};
	*ret_problem = (struct body_problem){.err = OK};
	if (raw.len > (size_t)(is_batch ? SEGMENT_BATCH_MAX : SEGMENT_EVENT_MAX))
		return refuse(ret_problem, is_batch ? "A batch is over 500 KB." : "An event is over 32 KB.");
	__cleanup_json json_t *root = NULL;
	const enum err err = json_read_object(raw, &root);
	if (err == ERR_INVALID)
		return refuse(ret_problem, "The body is not one JSON object.");
	ret_problem->err = err;
	if (err != OK || !read_write_key(r, root, &b, ret_problem))
		return false;
	const bool done = is_batch ? read_batch(r, raw, root, &b, ret_problem) : read_one(r, call, root, &b, ret_problem);
	if (done)
		*ret = b;
	return done;
}

/* ---- the webhook ---- */

bool body_read_signed(const struct event_reader *r, struct str raw, struct body *ret, struct body_problem *ret_problem)
{
	struct body b = {.write_key = STR("")};
	*ret_problem = (struct body_problem){.err = OK};
	if (raw.len > SEGMENT_EVENT_MAX)
		return refuse(ret_problem, "An event is over 32 KB.");
	const size_t start = skip_blank(raw, 0);
	__cleanup_json json_t *root = NULL;
	if (start < raw.len && raw.ptr[start] == '[') {
		root = json_loadb(raw.ptr, raw.len, 0, NULL);
		ret_problem->is_batch = json_is_array(root);
		return refuse(ret_problem, "This is a batch: switch batching off in the destination's settings.");
	}
	ret_problem->err = json_read_object(raw, &root);
	if (ret_problem->err == ERR_INVALID) {
		ret_problem->err = OK;
		return refuse(ret_problem, "The body is not one JSON object.");
	}
	if (ret_problem->err != OK)
		return false;
	if (json_object_get(root, "batch")) {
		ret_problem->is_batch = true;
		return refuse(ret_problem, "This is a batch: switch batching off in the destination's settings.");
	}
	if (!read_one(r, CALL_UNKNOWN, root, &b, ret_problem))
		return false;
	*ret = b;
	return true;
}
