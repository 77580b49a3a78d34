/* list.c - one walk, a max-heap of the page's keys; sorted at the end. */
#include "admin/list.h"

#include <stdlib.h>

#include "base/cleanup.h"

bool tenant_filter_by(struct tenant_filter *f, struct str name)
{
	f->by = FILTER_ANY;
	if (name.len == 0)
		return true;
	if (license_state_parse(name, &f->state)) {
		f->by = FILTER_STATE;
		return true;
	}
	for (int s = 0; s < TENANT_STATUS_COUNT; s++)
		if (str_eqz(name, tenant_status_name((enum tenant_status)s))) {
			f->status = (enum tenant_status)s;
			f->by = FILTER_STATUS;
			return true;
		}
	return false;
}

struct walk {
	const struct tenant_filter *filter;
	struct lookups *lookups;
	const struct tenant **heap; /* heap[0] has the greatest key once it is full */
	size_t count, cap, keep;    /* keep: limit + 1, so that `more` is known; SIZE_MAX: all */
	bool no_memory;
};

static bool greater(const struct tenant *a, const struct tenant *b)
{
	return str_cmp(a->client_key, b->client_key) > 0;
}

static void sift_down(struct walk *w, size_t at)
{
	for (;;) {
		size_t child = at * 2 + 1;
		if (child >= w->count)
			return;
		if (child + 1 < w->count && greater(w->heap[child + 1], w->heap[child]))
			child++;
		if (!greater(w->heap[child], w->heap[at]))
			return;
		const struct tenant *swap = w->heap[at];
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
	const struct tenant **heap = reallocarray(w->heap, cap, sizeof(*heap));
	if (!heap)
		return false;
	w->heap = heap;
	w->cap = cap;
	return true;
}

static bool wanted(const struct walk *w, const struct tenant *t)
{
	const struct tenant_filter *f = w->filter;
	if (f->after.len > 0 && str_cmp(t->client_key, f->after) <= 0)
		return false;
	/* cheap tests first: most tenants of a full page's walk end here */
	if (w->count == w->keep && !greater(w->heap[0], t))
		return false;
	if (f->by == FILTER_STATUS && t->status != f->status)
		return false;
	if (f->query.len > 0 && !str_ifind(t->client_key, f->query) && !str_ifind(t->base_url, f->query))
		return false;
	return f->by != FILTER_STATE || lookups_state(w->lookups, t).state == f->state;
}

static bool visit(void *arg, const struct tenant *t)
{
	struct walk *w = arg;
	if (!wanted(w, t))
		return true;
	if (w->count < w->keep) {
		if (!grow(w)) {
			w->no_memory = true;
			return false;
		}
		tenant_ref(t);
		w->heap[w->count++] = t;
		if (w->count == w->keep) /* full: from now on the greatest must be on top */
			for (size_t i = w->count / 2; i-- > 0;)
				sift_down(w, i);
		return true;
	}
	tenant_ref(t);
	tenant_unref(w->heap[0]);
	w->heap[0] = t;
	sift_down(w, 0);
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct tenant *const *x = a, *const *y = b;
	return str_cmp((*x)->client_key, (*y)->client_key);
}

enum err tenant_list(struct tenants *t, struct lookups *l, const struct tenant_filter *f, struct tenant_page *ret)
{
	struct walk w = {.filter = f, .lookups = l, .keep = f->limit ? f->limit + 1 : SIZE_MAX};
	tenants_each(t, visit, &w);
	struct tenant_page page = {.at = w.heap, .count = w.count};
	if (w.no_memory) {
		tenant_page_release(&page);
		return ERR_NOMEM;
	}
	if (page.count > 0)
		qsort(page.at, page.count, sizeof(*page.at), by_key);
	if (f->limit && page.count > f->limit) {
		tenant_unref(page.at[--page.count]);
		page.more = true;
	}
	*ret = page;
	return OK;
}

void tenant_page_release(struct tenant_page *p)
{
	for (size_t i = 0; i < p->count; i++)
		tenant_unref(p->at[i]);
	free(p->at);
	*p = (struct tenant_page){0};
}
