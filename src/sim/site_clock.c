/* site_clock.c - see site_clock.h. */
#include "sim/site_clock.h"

#include "sim/site.h"

#define DAY_MS (24 * 60 * 60 * (int64_t)1000)

/* The calendar goes on to now_ms: a licence whose end lies on the way is over. */
static void pass(struct site *s, int64_t now_ms)
{
	struct site_license *l = &s->license;
	if (site_license_valid(l) && l->expires_at > s->clock.seen_ms && l->expires_at <= now_ms)
		l->state = SITE_LICENSE_EXPIRED;
	s->clock.seen_ms = now_ms;
}

static void purchase(struct site *s)
{
	int64_t bought_ms = s->clock.script_from_ms + SCRIPT_PURCHASE_DAY * DAY_MS;
	s->license.state = SITE_LICENSE_ACTIVE;
	s->license.expires_at = bought_ms + 365 * DAY_MS;
	s->clock.script_bought = true;
}

static void script_run(struct site *s, int64_t wall_ms, int64_t mono_ms)
{
	struct site_clock *c = &s->clock;
	int64_t elapsed = mono_ms - c->script_mono_ms;
	bool over = elapsed >= c->script_ms;
	int64_t days_ms =
	    over ? SCRIPT_DAYS * DAY_MS : (int64_t)((double)elapsed / (double)c->script_ms * SCRIPT_DAYS * DAY_MS);
	int64_t now_ms = c->script_from_ms + days_ms;
	c->script_day = days_ms / DAY_MS;
	c->offset_ms = now_ms - wall_ms;
	pass(s, now_ms);
	if (c->script_day >= SCRIPT_PURCHASE_DAY && !c->script_bought)
		purchase(s);
	if (over)
		c->script_ms = 0;
}

void site_clock_run(struct site *s, int64_t wall_ms, int64_t mono_ms)
{
	if (site_script_running(s))
		script_run(s, wall_ms, mono_ms);
	else
		pass(s, wall_ms + s->clock.offset_ms);
}

void site_clock_set(struct site *s, int64_t wall_ms, int64_t days)
{
	struct site_clock *c = &s->clock;
	int64_t offset_ms = days * DAY_MS;
	site_script_stop(s);
	if (offset_ms < c->offset_ms && s->license.expires_at != 0)
		s->license.expires_at -= c->offset_ms - offset_ms;
	c->offset_ms = offset_ms;
	pass(s, wall_ms + offset_ms);
}

void site_script_start(struct site *s, int64_t wall_ms, int64_t mono_ms, int64_t length_ms)
{
	struct site_clock *c = &s->clock;
	c->script_from_ms = wall_ms + c->offset_ms;
	c->script_mono_ms = mono_ms;
	c->script_ms = length_ms;
	c->script_day = 0;
	c->script_bought = false;
	c->seen_ms = c->script_from_ms;
	s->license.state = SITE_LICENSE_EVALUATION;
	s->license.expires_at = c->script_from_ms + SCRIPT_EVALUATION_DAYS * DAY_MS;
}

void site_script_stop(struct site *s)
{
	s->clock.script_ms = 0;
}

bool site_script_running(const struct site *s)
{
	return s->clock.script_ms > 0;
}

const char *script_phase(int64_t day)
{
	if (day < SCRIPT_EVALUATION_DAYS)
		return "evaluation";
	if (day < SCRIPT_EVALUATION_DAYS + SCRIPT_GRACE_DAYS)
		return "grace";
	return day < SCRIPT_PURCHASE_DAY ? "expired" : "purchased";
}

int64_t site_told_ms(const struct site *s, int64_t calendar_ms)
{
	return calendar_ms == 0 ? 0 : calendar_ms - s->clock.offset_ms;
}

void site_clock_write(const struct site *s, struct jsonw *w)
{
	const struct site_clock *c = &s->clock;
	jw_obj(w);
	jw_ktime(w, "now", c->seen_ms);
	jw_kint(w, "days_ahead", (c->offset_ms + DAY_MS / 2) / DAY_MS);
	jw_key(w, "script");
	if (site_script_running(s)) {
		jw_obj(w);
		jw_kint(w, "day", c->script_day);
		jw_kint(w, "days", SCRIPT_DAYS);
		jw_kz(w, "phase", script_phase(c->script_day));
		jw_kint(w, "seconds", c->script_ms / 1000);
		jw_end_obj(w);
	} else {
		jw_null(w);
	}
	jw_end_obj(w);
}
