/* tree.c - see tree.h. A recursive reader, as deep as TREE_DEPTH_MAX; what is deeper reads as null. */
#include "market/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/form.h"
#include "base/jsonw.h"

enum { INTEGER_DIGITS_MAX = 18, NUMBER_MAX = 40, EXPONENT_DIGITS_MAX = 2 };

struct reader {
	struct tree *t;
	const char *p, *end;
	enum err err;
	unsigned within_contacts; /* levels */
};

void tree_init(struct tree *t)
{
	*t = (struct tree){0};
}

void tree_release(struct tree *t)
{
	free(t->nodes);
	*t = (struct tree){0};
}

static bool fail(struct reader *r, enum err e)
{
	r->err = r->err == OK ? e : r->err;
	return false;
}

/* The place of a new node; 0 where there is none. The root's is 0 too, and it cannot fail to be there. */
static uint32_t add_node(struct reader *r, enum node_kind kind)
{
	struct tree *t = r->t;
	if (t->count == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 256;
		struct node *nodes = t->cap < TREE_NODES_MAX ? realloc(t->nodes, cap * sizeof(*nodes)) : NULL;
		if (!nodes) {
			fail(r, t->cap < TREE_NODES_MAX ? ERR_NOMEM : ERR_INVALID);
			return 0;
		}
		t->nodes = nodes;
		t->cap = cap;
	}
	t->nodes[t->count] = (struct node){.kind = kind};
	return (uint32_t)t->count++;
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

static bool take(struct reader *r, char c)
{
	skip_blanks(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* ---- text ---- */

enum { BYTE_ORDINARY = 0, BYTE_QUOTE, BYTE_ESCAPE, BYTE_CONTROL, BYTE_HIGH, BYTE_AT };

static const uint8_t byte_kinds[256] = {
    [0 ... 0x1f] = BYTE_CONTROL, ['"'] = BYTE_QUOTE, ['\\'] = BYTE_ESCAPE, ['@'] = BYTE_AT, ['%'] = BYTE_AT,
    [0x80 ... 0xff] = BYTE_HIGH,
};

static unsigned hex4(const char *p, const char *end, bool *ok)
{
	unsigned n = 0;
	*ok = end - p >= 4;
	for (int i = 0; *ok && i < 4; i++) {
		int digit = hex_digit(p[i]);
		*ok = digit >= 0;
		n = n * 16 + (unsigned)(digit > 0 ? digit : 0);
	}
	return n;
}

static char *put_utf8(char *out, unsigned c)
{
	if (c == 0 || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		c = 0xfffd;
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* p is behind "\u". */
static char *put_unicode(struct reader *r, const char **p, const char *end, char *out)
{
	bool ok, low_ok;
	unsigned c = hex4(*p, end, &ok);
	if (!ok) {
		r->t->flaws |= FLAW_TEXT;
		return put_utf8(out, 0xfffd);
	}
	*p += 4;
	if (c >= 0xd800 && c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		unsigned low = hex4(*p + 2, end, &low_ok);
		if (low_ok && low >= 0xdc00 && low < 0xe000) {
			*p += 6;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	if (c == 0 || (c >= 0xd800 && c < 0xe000))
		r->t->flaws |= FLAW_TEXT;
	return put_utf8(out, c);
}

/* One escape; p is behind the backslash. Never writes more than it reads, but for a broken one: three bytes for two. */
static char *put_escape(struct reader *r, const char **p, const char *end, char *out)
{
	static const char from[] = "bfnrt\"\\/", to[] = "\b\f\n\r\t\"\\/";
	const char c = *(*p)++;
	if (c == 'u')
		return put_unicode(r, p, end, out);
	const char *known = memchr(from, c, sizeof(from) - 1);
	if (known)
		*out++ = to[known - from];
	else {
		r->t->flaws |= FLAW_TEXT;
		*out++ = c;
	}
	return out;
}

/* A copy without escapes, control bytes and what is not UTF-8. */
static struct str clean_copy(struct reader *r, struct str raw)
{
	char *copy = arena_alloc(r->t->arena, raw.len * 3 + 4);
	char *out = copy;
	if (!copy) {
		fail(r, ERR_NOMEM);
		return (struct str){"", 0};
	}
	const char *p = raw.ptr, *end = raw.ptr + raw.len;
	while (p < end) {
		size_t n = (unsigned char)*p < 0x80 ? 1 : utf8_sequence((struct str){p, (size_t)(end - p)});
		if (*p == '\\' && end - p > 1) {
			p++;
			out = put_escape(r, &p, end, out);
		} else if (n == 0 || (unsigned char)*p < 0x20) {
			r->t->flaws |= FLAW_TEXT;
			out = put_utf8(out, 0xfffd);
			p++;
		} else {
			memcpy(out, p, n);
			out += n;
			p += n;
		}
	}
	return (struct str){copy, (size_t)(out - copy)};
}

/* As it is, or as it stands in a query string. */
static bool holds_address(struct str s)
{
	for (size_t i = 1; i + 1 < s.len; i++) {
		const size_t len = s.ptr[i] == '@' ? 1 : str_starts((struct str){s.ptr + i, s.len - i}, STR("%40")) ? 3 : 0;
		if (len > 0 && i + len < s.len && (unsigned char)s.ptr[i - 1] > ' ' && (unsigned char)s.ptr[i + len] > ' ')
			return true;
	}
	return false;
}

/* p is behind the opening quote. */
static bool read_text(struct reader *r, struct str *ret, bool *ret_plain)
{
	const char *start = r->p;
	unsigned seen = 0; /* a bit a kind of byte */
	for (;; r->p++) {
		if (r->p == r->end)
			return fail(r, ERR_INVALID);
		const unsigned kind = byte_kinds[(unsigned char)*r->p];
		if (kind == BYTE_QUOTE)
			break;
		seen |= 1u << kind;
		if (kind == BYTE_ESCAPE && ++r->p == r->end)
			return fail(r, ERR_INVALID);
	}
	struct str text = {start, (size_t)(r->p++ - start)};
	const bool high_ok = !(seen & 1u << BYTE_HIGH) || utf8_valid(text);
	*ret_plain = high_ok && !(seen & (1u << BYTE_ESCAPE | 1u << BYTE_CONTROL));
	if (!*ret_plain)
		text = clean_copy(r, text);
	if ((seen & (1u << BYTE_AT | 1u << BYTE_ESCAPE)) && !r->within_contacts && holds_address(text)) {
		r->t->flaws |= FLAW_ADDRESS;
		text = STR("[address taken out]");
		*ret_plain = true;
	}
	*ret = text;
	return r->err == OK;
}

/* ---- values ---- */

static bool read_value(struct reader *r, uint32_t at, unsigned depth);

static size_t digits(const char *p, const char *end)
{
	size_t n = 0;
	while (p + n < end && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

/* A number that jansson would refuse is kept as a text. */
static bool read_number(struct reader *r, struct node *n)
{
	const char *start = r->p;
	bool fits = true;
	r->p += *r->p == '-';
	const size_t whole = digits(r->p, r->end);
	if (whole == 0 || (whole > 1 && *r->p == '0'))
		return fail(r, ERR_INVALID);
	r->p += whole;
	bool real = false;
	if (r->p < r->end && *r->p == '.') {
		const size_t part = digits(r->p + 1, r->end);
		if (part == 0)
			return fail(r, ERR_INVALID);
		r->p += 1 + part;
		real = true;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
		r->p++;
		r->p += r->p < r->end && (*r->p == '+' || *r->p == '-');
		const size_t exponent = digits(r->p, r->end);
		if (exponent == 0)
			return fail(r, ERR_INVALID);
		fits = exponent <= EXPONENT_DIGITS_MAX;
		r->p += exponent;
		real = true;
	}
	n->text = (struct str){start, (size_t)(r->p - start)};
	fits = fits && n->text.len <= NUMBER_MAX && (real || whole <= INTEGER_DIGITS_MAX);
	n->kind = fits ? NODE_NUMBER : NODE_TEXT;
	n->plain = true;
	r->t->flaws |= fits ? 0 : FLAW_NUMBER;
	return true;
}

static bool read_word(struct reader *r, struct node *n)
{
	static const struct {
		struct str word;
		enum node_kind kind;
	} words[] = {{{"null", 4}, NODE_NULL}, {{"true", 4}, NODE_TRUE}, {{"false", 5}, NODE_FALSE}};
	const struct str rest = {r->p, (size_t)(r->end - r->p)};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_starts(rest, words[i].word)) {
			n->kind = words[i].kind;
			r->p += words[i].word.len;
			return true;
		}
	return fail(r, ERR_INVALID);
}

/* Members with the same name: the last counts. A filter over the names spares most comparisons. */
static void hide_earlier(struct reader *r, uint32_t first, uint32_t last, uint64_t *filter)
{
	struct node *nodes = r->t->nodes;
	const struct str name = nodes[last].name;
	const unsigned mix = name.len
	                         ? (unsigned)name.len * 7 + (unsigned char)name.ptr[0] * 3u +
	                               (unsigned char)name.ptr[name.len - 1] * 5u + (unsigned char)name.ptr[name.len / 2]
	                         : 0;
	uint64_t *word = &filter[mix / 64 % 4];
	const uint64_t bit = UINT64_C(1) << mix % 64;
	const bool maybe = *word & bit;
	*word |= bit;
	for (uint32_t i = first; maybe && i != last; i = nodes[i].next)
		if (!nodes[i].hidden && str_eq(nodes[i].name, name)) {
			nodes[i].hidden = true;
			r->t->flaws |= FLAW_DUPLICATE;
		}
}

static bool read_member_name(struct reader *r, uint32_t at)
{
	struct str name;
	bool plain;
	if (!take(r, '"') || !read_text(r, &name, &plain) || !take(r, ':'))
		return fail(r, ERR_INVALID);
	r->t->nodes[at].name = name;
	r->t->nodes[at].plain_name = plain;
	return true;
}

/* Names of what holds people: addresses within are contacts.h's to take. */
static bool holds_people(struct str name)
{
	return str_ifind(name, STR("contact")) || str_eqz(name, "customerDetails");
}

static bool read_nested(struct reader *r, uint32_t at, bool object, unsigned depth)
{
	const char close = object ? '}' : ']';
	uint32_t first = 0, last = 0;
	uint64_t filter[4] = {0};
	r->p++;
	if (take(r, close))
		return true;
	do {
		const uint32_t child = add_node(r, NODE_NULL);
		if (r->err != OK || (object && !read_member_name(r, child)))
			return fail(r, ERR_INVALID);
		const bool people = object && r->t->keep_addresses && holds_people(r->t->nodes[child].name);
		if (first == 0)
			r->t->nodes[at].child = first = child;
		else
			r->t->nodes[last].next = child;
		last = child;
		if (object)
			hide_earlier(r, first, child, filter);
		r->within_contacts += people;
		const bool read = read_value(r, child, depth + 1);
		r->within_contacts -= people;
		if (!read)
			return false;
	} while (take(r, ','));
	return take(r, close) || fail(r, ERR_INVALID);
}

/* Passes over what is nested too deep: brackets and quotes alone. */
static bool pass_over(struct reader *r)
{
	unsigned depth = 0;
	do {
		struct str ignored;
		bool plain;
		const char c = *r->p++;
		if (c == '"' && !read_text(r, &ignored, &plain))
			return false;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
	} while (depth > 0 && r->p < r->end);
	r->t->flaws |= FLAW_DEPTH;
	return depth == 0 || fail(r, ERR_INVALID);
}

static bool read_value(struct reader *r, uint32_t at, unsigned depth)
{
	skip_blanks(r);
	if (r->p == r->end)
		return fail(r, ERR_INVALID);
	const char c = *r->p;
	struct node *n = &r->t->nodes[at];
	if (c == '{' || c == '[') {
		if (depth == TREE_DEPTH_MAX)
			return pass_over(r);
		n->kind = c == '{' ? NODE_OBJECT : NODE_ARRAY;
		return read_nested(r, at, c == '{', depth);
	}
	if (c == '"') {
		r->p++;
		n->kind = NODE_TEXT;
		return read_text(r, &n->text, &n->plain);
	}
	return c == '-' || (c >= '0' && c <= '9') ? read_number(r, n) : read_word(r, n);
}

enum err tree_read(struct tree *t, struct str text, struct arena *a)
{
	struct reader r = {.t = t, .p = text.ptr, .end = text.ptr + text.len};
	t->count = 0;
	t->flaws = 0;
	t->arena = a;
	const uint32_t root = add_node(&r, NODE_NULL);
	if (r.err != OK || !read_value(&r, root, 0))
		return r.err;
	skip_blanks(&r);
	return r.p == r.end ? OK : ERR_INVALID;
}

/* ---- walking and writing ---- */

static struct node *shown(const struct tree *t, uint32_t at)
{
	while (at && t->nodes[at].hidden)
		at = t->nodes[at].next;
	return at ? &t->nodes[at] : NULL;
}

struct node *tree_first(const struct tree *t, const struct node *of)
{
	return of ? shown(t, of->child) : NULL;
}

struct node *tree_next(const struct tree *t, const struct node *after)
{
	return shown(t, after->next);
}

struct node *tree_member(const struct tree *t, const struct node *of, const char *name)
{
	for (struct node *n = of && of->kind == NODE_OBJECT ? tree_first(t, of) : NULL; n; n = tree_next(t, n))
		if (str_eqz(n->name, name))
			return n;
	return NULL;
}

static void write_text(struct buf *out, struct str text, bool plain)
{
	struct jsonw w = jsonw(out);
	if (!plain) {
		jw_str(&w, text);
		return;
	}
	buf_char(out, '"');
	buf_str(out, text);
	buf_char(out, '"');
}

static void write_nested(const struct tree *t, const struct node *n, struct buf *out)
{
	const bool object = n->kind == NODE_OBJECT;
	bool comma = false;
	buf_char(out, object ? '{' : '[');
	for (const struct node *c = tree_first(t, n); c; c = tree_next(t, c)) {
		if (comma)
			buf_char(out, ',');
		comma = true;
		if (object) {
			write_text(out, c->name, c->plain_name);
			buf_char(out, ':');
		}
		tree_write(t, c, out);
	}
	buf_char(out, object ? '}' : ']');
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, TREE_DEPTH_MAX */
void tree_write(const struct tree *t, const struct node *n, struct buf *out)
{
	static const char *const words[] = {[NODE_NULL] = "null", [NODE_TRUE] = "true", [NODE_FALSE] = "false"};
	switch (n->kind) {
	case NODE_NUMBER:
		buf_str(out, n->text);
		break;
	case NODE_TEXT:
		write_text(out, n->text, n->plain);
		break;
	case NODE_OBJECT:
	case NODE_ARRAY:
		write_nested(t, n, out);
		break;
	case NODE_NULL:
	case NODE_TRUE:
	case NODE_FALSE:
	default:
		buf_z(out, words[n->kind]);
		break;
	}
}
