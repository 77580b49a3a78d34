/* mail.c - GET mail: which templates are on, what waits, what was sent and what came of it. Nobody's address: the queue
 * has none. */
#include "store/mail.h"

#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "events/mail_template.h"

enum { PAGE_ARENA_MAX = 16 * 1024 * 1024, JSON_MAX = 16 * 1024 * 1024 };

/* In the request's arena: a CSV is read on while it is sent. */
struct mail_page {
	struct store *store;
	int64_t before;
	size_t limit;
	struct arena *arena;
	struct mail_row *at;
	size_t count;
	struct mail_count *counts;
	size_t count_count;
	int64_t suppressed;
};

static enum err rows_read(struct store_tx *tx, void *arg)
{
	struct mail_page *p = arg;
	return store_mail_list(tx, p->before, p->limit, p->arena, &p->at, &p->count);
}

static enum err page_read(struct store_tx *tx, void *arg)
{
	struct mail_page *p = arg;
	enum err err = rows_read(tx, p);
	if (err == OK)
		err = store_mail_counts(tx, p->arena, &p->counts, &p->count_count);
	return err == OK ? store_suppression_count(tx, &p->suppressed) : err;
}

static int64_t count_of(const struct mail_page *p, const char *template, const char *status)
{
	for (size_t i = 0; i < p->count_count; i++)
		if (str_eqz(str_of(p->counts[i].template), template) && str_eqz(str_of(p->counts[i].status), status))
			return p->counts[i].count;
	return 0;
}

static void write_template(struct jsonw *w, const struct config *c, const struct mail_page *p, enum mail_kind kind)
{
	static const char *const statuses[] = {"queued", "sent", "failed", "dropped"};
	const char *name = mail_kind_name(kind);
	jw_obj(w);
	jw_kz(w, "name", name);
	jw_kbool(w, "on", mail_kind_on(c, kind));
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		jw_kint(w, statuses[i], count_of(p, name, statuses[i]));
	jw_end_obj(w);
}

static void write_mail(struct jsonw *w, const struct mail_row *m)
{
	jw_obj(w);
	jw_kint(w, "id", m->id);
	jw_kz(w, "template", m->template);
	jw_kz(w, "event", m->event);
	jw_kz(w, "tenant", m->tenant);
	jw_kz(w, "entitlement", m->entitlement);
	jw_kz(w, "status", m->status);
	jw_kz(w, "result", m->result);
	jw_kint(w, "attempts", m->attempts);
	jw_ktime(w, "next_attempt_at", str_eqz(str_of(m->status), "queued") ? m->next_at : 0);
	jw_ktime(w, "created_at", m->created_at);
	jw_ktime(w, "updated_at", m->updated_at);
	jw_end_obj(w);
}

static void reply_page(struct request *req, const struct config *c, struct mail_page *p)
{
	__cleanup(arena_release) struct arena arena;
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	const size_t limit = p->limit++; /* one more tells whether there is a next page */
	arena_init(&arena, PAGE_ARENA_MAX);
	p->arena = &arena;
	const enum err err = store_read(p->store, page_read, p);
	jw_obj(&w);
	jw_kbool(&w, "server", c->smtp_url != NULL);
	jw_kint(&w, "ending_days", c->mail_ending_days);
	jw_kint(&w, "per_hour", c->mail_per_hour);
	jw_kint(&w, "suppressed", p->suppressed);
	jw_key(&w, "templates");
	jw_arr(&w);
	for (int k = 0; k < MAIL_KINDS; k++)
		write_template(&w, c, p, (enum mail_kind)k);
	jw_end_arr(&w);
	jw_key(&w, "mails");
	jw_arr(&w);
	for (size_t i = 0; err == OK && i < p->count && i < limit; i++)
		write_mail(&w, &p->at[i]);
	jw_end_arr(&w);
	if (err == OK && p->count > limit)
		number_cursor_write(&w, p->at[limit - 1].id);
	jw_end_obj(&w);
	reply_json_or_err(req, err, &json);
}

static void csv_row(struct csv *c, const struct mail_row *m)
{
	csv_int(c, m->id);
	csv_z(c, m->template);
	csv_z(c, m->event);
	csv_z(c, m->tenant);
	csv_z(c, m->entitlement);
	csv_z(c, m->status);
	csv_z(c, m->result);
	csv_int(c, m->attempts);
	csv_time(c, str_eqz(str_of(m->status), "queued") ? m->next_at : 0);
	csv_time(c, m->created_at);
	csv_time(c, m->updated_at);
	csv_end_row(c);
}

static enum err csv_rows(void *page, struct arena *memory, struct csv *c, bool *ret_more)
{
	struct mail_page *p = page;
	p->arena = memory;
	enum err err = store_read(p->store, rows_read, p);
	for (size_t i = 0; err == OK && i < p->count; i++) {
		csv_row(c, &p->at[i]);
		p->before = p->at[i].id;
	}
	*ret_more = err == OK && p->count == p->limit;
	return err;
}

static void reply_all(struct request *req, struct mail_page *p)
{
	p->before = 0;
	p->limit = LIST_LIMIT_MAX;
	reply_csv_list(req, &(struct csv_list){.name = "mail",
	                                       .columns = "id,template,event,tenant,entitlement,status,result,attempts,"
	                                                  "next_attempt_at,created_at,updated_at",
	                                       .rows = csv_rows,
	                                       .state = p});
}

void admin_mail(struct request *req, void *room)
{
	const struct connect *c = ((const struct admin *)room)->connect;
	struct list_params params;
	struct mail_page *p = arena_zalloc(&req->arena, sizeof(*p));
	if (!p) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	p->store = c->store;
	if (!list_params_read(req, &params) || !number_cursor_read(req, params.cursor, &p->before))
		return;
	p->limit = params.limit;
	if (params.csv)
		reply_all(req, p);
	else
		reply_page(req, c->config, p);
}
