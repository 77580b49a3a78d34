/* scan.c - see scan.h.
 *
 * A window over the text. An element is looked for within it; where the window ends first, the element moves to its
 * front, the window is filled up and the element is begun again, which costs little as a window holds hundreds of
 * them. Text in quotes is jumped over with memchr: that is most of the bytes. */
#include "market/scan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 1024 * 1024 };

enum place {
	BEFORE, /* the array */
	FIRST,  /* an element or the end: after [ */
	VALUE,  /* an element: after a comma */
	AFTER,  /* an element: a comma or the end */
	DONE,
};

struct scanner {
	scan_read_fn *read;
	void *arg;
	uint64_t bytes;
	enum place place;
	bool ended, failed; /* the text */
	size_t at, end;     /* within window */
	uint64_t element_at;
	char large[SCAN_ELEMENT_MAX]; /* the beginning of an element that is larger than the window */
	char window[WINDOW];
};

enum err scanner_new(scan_read_fn *read, void *arg, struct scanner **ret)
{
	struct scanner *s = malloc(sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	s->read = read;
	s->arg = arg;
	s->bytes = 0;
	s->place = BEFORE;
	s->ended = s->failed = false;
	s->at = s->end = 0;
	s->element_at = 0;
	*ret = s;
	return OK;
}

void scanner_free(struct scanner *s)
{
	free(s);
}

uint64_t scanner_bytes(const struct scanner *s)
{
	return s->bytes;
}

static uint64_t offset(const struct scanner *s)
{
	return s->bytes - (s->end - s->at);
}

uint64_t scanner_at(const struct scanner *s)
{
	return s->element_at;
}

/* Drops what lies before `at` and fills the window up. False: nothing more came. */
static bool fill(struct scanner *s)
{
	memmove(s->window, s->window + s->at, s->end - s->at);
	s->end -= s->at;
	s->at = 0;
	const size_t before = s->end;
	while (s->end < WINDOW && !s->ended && !s->failed) {
		ssize_t n = s->read(s->arg, s->window + s->end, WINDOW - s->end);
		s->failed = n < 0;
		s->ended = n == 0;
		s->end += n > 0 ? (size_t)n : 0;
	}
	s->bytes += s->end - before;
	return s->end > before;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The next byte that is no blank, left where it is. False at the end of the text. */
static bool peek(struct scanner *s, char *ret)
{
	for (;;) {
		while (s->at < s->end && is_blank(s->window[s->at]))
			s->at++;
		if (s->at < s->end) {
			*ret = s->window[s->at];
			return true;
		}
		if (!fill(s))
			return false;
	}
}

/* p is behind an opening quote. Behind the closing one; NULL: not there. */
static const char *string_end(const char *p, const char *end)
{
	const char *start = p;
	while (p < end && (p = memchr(p, '"', (size_t)(end - p)))) {
		const char *back = p;
		while (back > start && back[-1] == '\\')
			back--;
		p++;
		if ((p - 1 - back) % 2 == 0)
			return p;
	}
	return NULL;
}

static const char *nested_end(const char *p, const char *end)
{
	unsigned depth = 0;
	while (p && p < end) {
		const char c = *p++;
		if (c == '"')
			p = string_end(p, end);
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return p;
	}
	return NULL;
}

static const char *scalar_end(const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != ']' && *p != '}' && !is_blank(*p))
		p++;
	return p < end ? p : NULL;
}

/* Behind the element that begins at p; NULL: the window ends before it. */
static const char *element_end(const char *p, const char *end)
{
	if (*p == '{' || *p == '[')
		return nested_end(p, end);
	return *p == '"' ? string_end(p + 1, end) : scalar_end(p, end);
}

/* Passes over an element that is larger than the window, byte by byte. False: the text ends in it. */
static bool pass_over(struct scanner *s)
{
	unsigned depth = 0;
	bool quoted = false, escaped = false;
	do {
		while (s->at < s->end) {
			const char c = s->window[s->at];
			if (!quoted && depth == 0 && (c == ',' || c == ']' || c == '}'))
				return true;
			s->at++;
			if (quoted) {
				quoted = escaped || c != '"';
				escaped = !escaped && c == '\\';
			} else if (c == '"')
				quoted = true;
			else if (c == '{' || c == '[')
				depth++;
			else if (c == '}' || c == ']')
				depth--;
		}
	} while (fill(s));
	return false;
}

static enum scan take_element(struct scanner *s, struct str *ret)
{
	const char *end = element_end(s->window + s->at, s->window + s->end);
	s->element_at = offset(s);
	if (!end && fill(s))
		end = element_end(s->window, s->window + s->end);
	if (!end && s->end - s->at == WINDOW) {
		s->place = AFTER;
		memcpy(s->large, s->window + s->at, SCAN_ELEMENT_MAX);
		*ret = (struct str){s->large, SCAN_ELEMENT_MAX};
		return pass_over(s) ? SCAN_TOO_LARGE : SCAN_BROKEN;
	}
	if (!end || end == s->window + s->at)
		return SCAN_BROKEN;
	*ret = (struct str){s->window + s->at, (size_t)(end - (s->window + s->at))};
	s->at += ret->len;
	s->place = AFTER;
	if (ret->len <= SCAN_ELEMENT_MAX)
		return SCAN_ELEMENT;
	ret->len = SCAN_ELEMENT_MAX;
	return SCAN_TOO_LARGE;
}

/* A byte order mark, which some writers cannot leave (RFC 8259, 8.1: it may be ignored). */
static bool is_mark(const struct scanner *s)
{
	return offset(s) == 0 && s->end - s->at >= 3 && memcmp(s->window + s->at, "\xef\xbb\xbf", 3) == 0;
}

static enum scan next(struct scanner *s, struct str *ret)
{
	char c;
	for (;;) {
		if (!peek(s, &c))
			return s->place == DONE ? SCAN_END : SCAN_BROKEN;
		if (s->place == DONE)
			return SCAN_BROKEN;
		if (s->place == BEFORE && is_mark(s)) {
			s->at += 3;
			continue;
		}
		if (s->place == VALUE || (s->place == FIRST && c != ']'))
			return c == ']' || c == ',' ? SCAN_BROKEN : take_element(s, ret);
		s->at++;
		if (s->place == BEFORE && c == '[')
			s->place = FIRST;
		else if (s->place == AFTER && c == ',')
			s->place = VALUE;
		else if (s->place != BEFORE && c == ']')
			s->place = DONE;
		else
			return SCAN_BROKEN;
	}
}

enum scan scanner_next(struct scanner *s, struct str *ret)
{
	enum scan got = next(s, ret);
	return got == SCAN_BROKEN && s->failed ? SCAN_FAILED : got;
}
