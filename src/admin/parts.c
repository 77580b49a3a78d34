/* parts.c - see parts.h. */
#include "admin/parts.h"

#include <stdio.h>

#include "admin/params.h"
#include "http/pages.h"

enum { PAGE_MAX = 64 * 1024 * 1024, FILE_NAME_MAX = 80 };

const struct tenant *tenant_of_path(struct request *req, const struct admin *a)
{
	struct str key;
	const struct tenant *t = NULL;
	if (segment_decode(&req->arena, req->params.part[0], &key))
		t = tenants_find(a->connect->tenants, key);
	if (t)
		request_hold_tenant(req, t);
	else
		reply_problem(req, 404, "no_such_tenant", "no tenant has this clientKey", NULL, 0);
	return t;
}

void reply_json_or_err(struct request *req, enum err err, struct buf *json)
{
	if (err == OK)
		err = json->err;
	if (err == OK)
		reply_json(req, 200, json);
	else
		reply_err(req, err);
}

/* ---- CSV ---- */

static const char content_type[] = "text/csv; charset=utf-8";

static struct header file_name(const char *name, char text[static FILE_NAME_MAX])
{
	snprintf(text, FILE_NAME_MAX, "attachment; filename=\"%s.csv\"", name);
	return (struct header){"Content-Disposition", str_of(text)};
}

void reply_csv(struct request *req, const char *name, struct buf *text)
{
	char disposition[FILE_NAME_MAX];
	const struct header h = file_name(name, disposition);
	if (text->err == OK)
		reply(req, 200, content_type, buf_text(text), &h, 1);
	else
		reply_err(req, text->err);
}

struct csv_reading {
	struct csv_list list;
	bool begun;
};

static enum err next_page(void *state, struct arena *memory, struct buf *out, bool *ret_more)
{
	struct csv_reading *r = state;
	struct csv c = csv(out);
	if (!r->begun)
		csv_header(&c, r->list.columns);
	r->begun = true;
	return r->list.rows(r->list.state, memory, &c, ret_more);
}

void reply_csv_list(struct request *req, const struct csv_list *l)
{
	char disposition[FILE_NAME_MAX];
	const struct header h = file_name(l->name, disposition);
	struct csv_reading *r = arena_zalloc(&req->arena, sizeof(*r));
	if (!r) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	r->list = *l;
	reply_pages(req, &(struct pages){.next = next_page,
	                                 .state = r,
	                                 .page_max = PAGE_MAX,
	                                 .memory_max = PAGE_MAX,
	                                 .content_type = content_type,
	                                 .headers = &h,
	                                 .header_count = 1});
}
