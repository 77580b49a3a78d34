/* list.c - one walk, a heap whose top is the page's last; sorted at the end. */
#include "admin/list.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "store/aliases.h"

/* A shorter query finds too much to be looked for in the store. ALIASES_MAX bounds what each tenant is compared with.
 */
enum { ALIAS_QUERY_MIN = 3, ALIASES_MAX = 500 };

bool tenant_sort_parse(struct str name, enum tenant_sort *ret)
{
	static const char *const names[SORT_COUNT] = {
	    [SORT_CLIENT_KEY] = "client_key",
	    [SORT_BASE_URL] = "base_url",
	    [SORT_STATUS] = "status",
	    [SORT_STATE] = "state",
	    [SORT_INSTALLED_AT] = "installed_at",
	    [SORT_UPDATED_AT] = "updated_at",
	    [SORT_LAST_SEEN_AT] = "last_seen_at",
	    [SORT_EXPIRES_AT] = "expires_at",
	};
	if (name.len == 0)
		name = str_of(names[SORT_CLIENT_KEY]);
	for (unsigned i = 0; i < SORT_COUNT; i++)
		if (str_eqz(name, names[i])) {
			*ret = (enum tenant_sort)i;
			return true;
		}
	return false;
}

bool tenant_filter_by_status(struct tenant_filter *f, struct str name)
{
	for (int s = 0; s < TENANT_STATUS_COUNT; s++)
		if (str_eqz(name, tenant_status_name((enum tenant_status)s))) {
			f->status = (enum tenant_status)s;
			f->by_status = true;
			return true;
		}
	return false;
}

bool tenant_filter_by_kind(struct tenant_filter *f, struct str name)
{
	static const char *const names[] = {
	    [TENANT_CONNECT] = "connect", [TENANT_GITHUB] = "github", [TENANT_FORGE] = "forge"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eqz(name, names[i])) {
			f->kind = (enum tenant_kind)i;
			f->by_kind = true;
			return true;
		}
	return false;
}

bool tenant_filter_by(struct tenant_filter *f, struct str name)
{
	if (name.len == 0)
		return true;
	f->by_state = license_state_parse(name, &f->state);
	return f->by_state || tenant_filter_by_status(f, name);
}

struct alias_search {
	struct tenant_filter *filter;
	struct arena *arena;
};

static enum err find_aliases(struct store_tx *tx, void *arg)
{
	const struct alias_search *s = arg;
	struct str *keys = NULL;
	size_t count = 0;
	enum err err = store_alias_find(tx, s->filter->query, ALIASES_MAX, s->arena, &keys, &count);
	if (err == OK) {
		s->filter->also = keys;
		s->filter->also_count = count;
	}
	return err;
}

enum err tenant_filter_also(struct tenant_filter *f, struct store *s, struct arena *a)
{
	if (f->query.len < ALIAS_QUERY_MIN || f->query.len > ALIAS_PREFIX_MAX || !utf8_valid(f->query) ||
	    !str_printable(f->query))
		return OK;
	return store_read(s, find_aliases, &(struct alias_search){f, a});
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool query_finds(const struct tenant_filter *f, const struct tenant *t)
{
	if (f->query.len == 0 || str_ifind(t->client_key, f->query) || str_ifind(t->base_url, f->query))
		return true;
	return f->also_count > 0 && bsearch(&t->client_key, f->also, f->also_count, sizeof(*f->also), by_text);
}

struct item {
	const struct tenant *tenant; /* a reference */
	struct tenant_place place;
};

struct walk {
	const struct tenant_filter *filter;
	struct lookups *lookups;
	struct moment now;
	struct item *heap;       /* heap[0] comes last of all once it is full */
	size_t count, cap, keep; /* keep: limit + 1, so that `more` is known; SIZE_MAX: all */
	size_t total;
	bool no_memory;
};

/* Below, at or above zero, as a comes before or after b in ascending order. */
static int compare(const struct tenant_place *a, const struct tenant_place *b)
{
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	int order = str_cmp(a->text, b->text);
	return order != 0 ? order : str_cmp(a->key, b->key);
}

static bool comes_after(const struct walk *w, const struct tenant_place *a, const struct tenant_place *b)
{
	return w->filter->descending ? compare(a, b) < 0 : compare(a, b) > 0;
}

static void sift_down(struct walk *w, size_t at)
{
	for (;;) {
		size_t child = at * 2 + 1;
		if (child >= w->count)
			return;
		if (child + 1 < w->count && comes_after(w, &w->heap[child + 1].place, &w->heap[child].place))
			child++;
		if (!comes_after(w, &w->heap[child].place, &w->heap[at].place))
			return;
		const struct item swap = w->heap[at];
		w->heap[at] = w->heap[child];
		w->heap[child] = swap;
		at = child;
	}
}

static bool grow(struct walk *w)
{
	if (w->count < w->cap)
		return true;
	size_t cap = w->cap ? w->cap * 2 : 64;
	struct item *heap = reallocarray(w->heap, cap, sizeof(*heap));
	if (!heap)
		return false;
	w->heap = heap;
	w->cap = cap;
	return true;
}

static struct tenant_place place_of(const struct tenant_filter *f, const struct tenant *t,
                                    const struct license_decision *d)
{
	struct tenant_place p = {.key = t->client_key};
	switch (f->sort) {
	case SORT_BASE_URL:
		p.text = t->base_url;
		break;
	case SORT_STATUS:
		p.number = (int64_t)t->status;
		break;
	case SORT_STATE:
		p.number = (int64_t)d->state;
		break;
	case SORT_INSTALLED_AT:
		p.number = t->installed_at;
		break;
	case SORT_UPDATED_AT:
		p.number = t->updated_at;
		break;
	case SORT_LAST_SEEN_AT:
		p.number = tenant_last_seen(t);
		break;
	case SORT_EXPIRES_AT:
		p.number = d->expires_at ? d->expires_at : f->descending ? INT64_MIN : INT64_MAX;
		break;
	case SORT_CLIENT_KEY:
	case SORT_COUNT:
		break;
	}
	return p;
}

/* Does it match, and does it belong on this page as far as is known by now? */
static bool wanted(struct walk *w, const struct tenant *t, struct tenant_place *ret)
{
	const struct tenant_filter *f = w->filter;
	struct license_decision d = {0};
	if (f->by_status && t->status != f->status)
		return false;
	if (f->by_kind && t->kind != f->kind)
		return false;
	if (!query_finds(f, t))
		return false;
	if (f->by_state || f->sort == SORT_STATE || f->sort == SORT_EXPIRES_AT)
		d = lookups_state_at(w->lookups, t, w->now);
	if (f->by_state && d.state != f->state)
		return false;
	w->total++;
	*ret = place_of(f, t, &d);
	if (f->after.key.len > 0 && !comes_after(w, ret, &f->after))
		return false;
	return w->count < w->keep || comes_after(w, &w->heap[0].place, ret);
}

static bool visit(void *arg, const struct tenant *t)
{
	struct walk *w = arg;
	struct item item = {.tenant = t};
	if (!wanted(w, t, &item.place))
		return true;
	if (w->count < w->keep) {
		if (!grow(w)) {
			w->no_memory = true;
			return false;
		}
		tenant_ref(t);
		w->heap[w->count++] = item;
		if (w->count == w->keep) /* full: from now on the last must be on top */
			for (size_t i = w->count / 2; i-- > 0;)
				sift_down(w, i);
		return true;
	}
	tenant_ref(t);
	tenant_unref(w->heap[0].tenant);
	w->heap[0] = item;
	sift_down(w, 0);
	return true;
}

static int by_place(const void *a, const void *b, void *walk)
{
	const struct item *x = a, *y = b;
	const struct walk *w = walk;
	int order = compare(&x->place, &y->place);
	return w->filter->descending ? -order : order;
}

/* The walk's references become the page's. */
static enum err page_of(struct walk *w, struct tenant_page *ret)
{
	struct tenant_page page = {.at = reallocarray(NULL, w->count + 1, sizeof(struct tenant *)), .total = w->total};
	if (!page.at || w->no_memory)
		w->no_memory = true;
	else if (w->count > 0)
		qsort_r(w->heap, w->count, sizeof(*w->heap), by_place, w);
	const size_t keep = w->no_memory                                      ? 0
	                    : w->filter->limit && w->count > w->filter->limit ? w->filter->limit
	                                                                      : w->count;
	for (size_t i = 0; i < w->count; i++)
		if (i < keep)
			page.at[page.count++] = w->heap[i].tenant;
		else
			tenant_unref(w->heap[i].tenant);
	page.more = keep < w->count;
	if (keep > 0)
		page.last = w->heap[keep - 1].place;
	free(w->heap);
	if (w->no_memory) {
		tenant_page_release(&page);
		return ERR_NOMEM;
	}
	*ret = page;
	return OK;
}

enum err tenant_list(struct tenants *t, struct lookups *l, const struct tenant_filter *f, struct tenant_page *ret)
{
	struct walk w = {.filter = f, .lookups = l, .now = lookups_now(l), .keep = f->limit ? f->limit + 1 : SIZE_MAX};
	tenants_each(t, visit, &w);
	return page_of(&w, ret);
}

void tenant_page_release(struct tenant_page *p)
{
	for (size_t i = 0; i < p->count; i++)
		tenant_unref(p->at[i]);
	free(p->at);
	*p = (struct tenant_page){0};
}
