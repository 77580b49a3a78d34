/* join.c - see join.h. */
#include "market/join.h"

#include <stdlib.h>
#include <string.h>

#include "market/derive.h"

struct candidate {
	struct market_license license;
	struct market_match match;
};

bool market_in_force(const struct market_license *l)
{
	return market_status_is(l, "active") || market_status_is(l, "cancelled");
}

static int text_order(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* The one to show first. */
static int better(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;
	if (a->license.sandbox != b->license.sandbox)
		return a->license.sandbox ? 1 : -1;
	if (market_in_force(&a->license) != market_in_force(&b->license))
		return market_in_force(&a->license) ? -1 : 1;
	if (a->match.tie != b->match.tie)
		return a->match.tie < b->match.tie ? -1 : 1;
	const int end = text_order(b->license.maintenance_end, a->license.maintenance_end);
	return end != 0 ? end : text_order(a->license.row_key, b->license.row_key);
}

static int latest_first(const void *x, const void *y)
{
	const struct market_sale *a = x, *b = y;
	const int day = text_order(b->sale_date, a->sale_date);
	return day != 0 ? day : text_order(b->transaction_id, a->transaction_id);
}

static enum err read_payments(struct store_tx *tx, struct arena *a, struct market_view *v)
{
	struct market_sale *sales = NULL;
	size_t count = 0;
	enum err err = store_market_sales(tx, str_of(v->license.row_key), MARKET_PAYMENTS_MAX, a, &sales, &count);
	if (err != OK)
		return err;
	if (count > 0)
		qsort(sales, count, sizeof *sales, latest_first);
	v->payments = sales;
	v->payment_count = count;
	if (!v->license.billing_period)
		for (size_t i = 0; i < count && !v->license.billing_period; i++)
			v->license.billing_period = sales[i].billing_period;
	return OK;
}

enum err market_view_read(struct store_tx *tx, struct str client_key, struct arena *a, struct market_view *ret)
{
	struct market_match *rows = NULL;
	size_t count = 0;
	struct market_view v = {.known = false};
	enum err err = store_market_rows_of(tx, client_key, a, &rows, &count);
	if (err != OK || count == 0) {
		if (err == OK)
			*ret = v;
		return err;
	}
	struct candidate *all = arena_zalloc(a, count * sizeof *all);
	v.others = arena_zalloc(a, count * sizeof *v.others);
	if (!all || !v.others)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		all[i].match = rows[i];
		err = store_market_license(tx, str_of(rows[i].row_key), a, &all[i].license);
		if (err != OK)
			return err;
	}
	qsort(all, count, sizeof *all, better);
	v.known = true;
	v.license = all[0].license;
	v.match = all[0].match;
	for (size_t i = 1; i < count; i++) {
		v.other_live += market_in_force(&all[i].license) && !all[i].license.sandbox;
		v.others[v.other_count++] = all[i].license;
	}
	err = read_payments(tx, a, &v);
	if (err == OK)
		*ret = v;
	return err;
}

static void license_members(struct jsonw *w, const struct market_license *l)
{
	jw_kz(w, "entitlement", l->row_key);
	jw_kz(w, "status", l->status);
	jw_kz(w, "license_type", l->license_type);
	jw_kz(w, "tier", l->tier);
	jw_kz(w, "edition", l->edition);
	jw_kz(w, "maintenance_start", l->maintenance_start);
	jw_kz(w, "maintenance_end", l->maintenance_end);
	jw_kz(w, "billing_period", l->billing_period);
	jw_kbool(w, "sandbox", l->sandbox);
}

static void payment_write(struct jsonw *w, const struct market_sale *s)
{
	jw_obj(w);
	jw_kz(w, "transaction", s->transaction_id);
	jw_kz(w, "line", s->line_id);
	jw_kz(w, "sale_date", s->sale_date);
	jw_kz(w, "sale_type", s->sale_type);
	jw_kz(w, "tier", s->tier);
	jw_kz(w, "billing_period", s->billing_period);
	jw_kz(w, "payment_status", s->payment_status);
	jw_kint(w, "amount_cents", s->price_cents);
	jw_kint(w, "vendor_amount_cents", s->vendor_cents);
	jw_kz(w, "currency", s->currency);
	jw_end_obj(w);
}

void market_view_write(struct jsonw *w, const struct market_view *v)
{
	jw_key(w, "marketplace");
	if (!v->known) {
		jw_null(w);
		return;
	}
	jw_obj(w);
	license_members(w, &v->license);
	jw_kz(w, "app", v->license.app_key);
	jw_kz(w, "hosting", v->license.hosting);
	jw_kz(w, "evaluation_start", v->license.evaluation_start);
	jw_kz(w, "last_updated", v->license.last_updated);
	jw_kz(w, "joined_by", market_tie_name(v->match.tie));
	jw_key(w, "conflicts");
	jw_obj(w);
	jw_kbool(w, "tenants", v->match.contested);
	jw_kbool(w, "licenses", market_in_force(&v->license) && v->other_live > 0);
	jw_end_obj(w);
	jw_key(w, "payments");
	jw_arr(w);
	for (size_t i = 0; i < v->payment_count; i++)
		payment_write(w, &v->payments[i]);
	jw_end_arr(w);
	jw_key(w, "others");
	jw_arr(w);
	for (size_t i = 0; i < v->other_count; i++) {
		jw_obj(w);
		license_members(w, &v->others[i]);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_end_obj(w);
}
