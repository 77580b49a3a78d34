/* ordered.c - see ordered.h. */
#include "market/ordered.h"

#include <stdlib.h>
#include <string.h>

enum { PART_ELEMENTS = 1 << 18, ID_BYTES = 16, LEN_BITS = 20, LEN_TOO_LARGE = (1 << LEN_BITS) - 1 };
_Static_assert((int)SCAN_ELEMENT_MAX < (int)LEN_TOO_LARGE, "a length fits");

struct place {
	char id[ID_BYTES];
	uint64_t at; /* offset in the spool, then the length in LEN_BITS: of what is too large, LEN_TOO_LARGE */
};

struct ordered {
	struct scanner *scanner;
	const struct spool *spool;
	enum row_kind kind;
	struct place *places;
	size_t count, next;
	enum scan last; /* how the part ended: SCAN_ELEMENT where there is more */
	char element[SCAN_ELEMENT_MAX];
};

enum err ordered_new(struct scanner *scanner, const struct spool *spool, enum row_kind kind, struct ordered **ret)
{
	struct ordered *o = malloc(sizeof(*o));
	struct place *places = malloc(PART_ELEMENTS * sizeof(*places));
	if (!o || !places) {
		free(o);
		free(places);
		return ERR_NOMEM;
	}
	o->scanner = scanner;
	o->spool = spool;
	o->kind = kind;
	o->places = places;
	o->count = o->next = 0;
	o->last = SCAN_ELEMENT;
	*ret = o;
	return OK;
}

void ordered_free(struct ordered *o)
{
	if (o)
		free(o->places);
	free(o);
}

/* The text behind "name":" ; empty where it is not there, or no text. */
static struct str text_behind(struct str element, struct str name)
{
	const char *end = element.ptr + element.len;
	const char *p = memmem(element.ptr, element.len, name.ptr, name.len);
	if (!p)
		return STR("");
	p += name.len;
	while (p < end && (*p == ' ' || *p == ':'))
		p++;
	return p < end && *p == '"' ? (struct str){p + 1, (size_t)(end - p - 1)} : STR("");
}

static void read_id(const struct ordered *o, struct str element, char id[static ID_BYTES])
{
	static const struct str licenses[] = {STR("\"appEntitlementNumber\""), STR("\"licenseId\""),
	                                      STR("\"addonLicenseId\"")};
	static const struct str sales[] = {STR("\"transactionId\"")};
	const struct str *names = o->kind == ROW_LICENSE ? licenses : sales;
	const size_t name_count = o->kind == ROW_LICENSE ? sizeof(licenses) / sizeof(licenses[0]) : 1;
	struct str text = STR("");
	for (size_t i = 0; !text.len && i < name_count; i++)
		text = text_behind(element, names[i]);
	memset(id, 0, ID_BYTES);
	for (size_t i = 0; i < ID_BYTES && i < text.len && text.ptr[i] != '"'; i++)
		id[i] = text.ptr[i];
}

static int by_id(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	const int order = memcmp(x->id, y->id, ID_BYTES);
	return order ? order : (x->at > y->at) - (x->at < y->at);
}

static void read_part(struct ordered *o)
{
	struct str element;
	o->count = o->next = 0;
	while (o->count < PART_ELEMENTS && (o->last == SCAN_ELEMENT || o->last == SCAN_TOO_LARGE)) {
		o->last = scanner_next(o->scanner, &element);
		if (o->last != SCAN_ELEMENT && o->last != SCAN_TOO_LARGE)
			break;
		struct place *p = &o->places[o->count++];
		const bool whole = o->last == SCAN_ELEMENT;
		read_id(o, whole ? element : STR(""), p->id);
		p->at = scanner_at(o->scanner) << LEN_BITS | (whole ? element.len : LEN_TOO_LARGE);
	}
	qsort(o->places, o->count, sizeof(*o->places), by_id);
}

enum scan ordered_next(struct ordered *o, struct str *ret)
{
	if (o->next == o->count && (o->last == SCAN_ELEMENT || o->last == SCAN_TOO_LARGE))
		read_part(o);
	if (o->next == o->count)
		return o->last;
	const uint64_t at = o->places[o->next++].at;
	const size_t told = (size_t)(at & LEN_TOO_LARGE), len = told < SCAN_ELEMENT_MAX ? told : SCAN_ELEMENT_MAX;
	if (!spool_read_at(o->spool, o->element, len, at >> LEN_BITS))
		return SCAN_FAILED;
	*ret = (struct str){o->element, len};
	return told == LEN_TOO_LARGE ? SCAN_TOO_LARGE : SCAN_ELEMENT;
}
