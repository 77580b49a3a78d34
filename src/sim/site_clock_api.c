/* site_clock_api.c - the control API's part for a site's calendar: put it days ahead, play the script, stop it. */
#include "base/cleanup.h"
#include "sim/sim_parts.h"

enum { SCRIPT_SECONDS = 60, SCRIPT_SECONDS_MAX = 3600 };

/* {"days":10}: the calendar that many days ahead of the wall clock. */
void sim_clock_put(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	int64_t days = 0;
	if (!sim_same_origin(req) || !sim_body(req, &body))
		return;
	if (json_get_int(body, "days", &days) != JSON_GOT || days < 0 || days > CLOCK_DAYS_MAX) {
		sim_bad(req, "days: 0 to 3650");
		return;
	}
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	site_clock_set(site, clock_wall_ms(s->clock), days);
	sim_unlock(s);
	sim_site_show(req, room);
}

/* {"seconds":60}, optional. */
void sim_script_post(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	int64_t seconds = SCRIPT_SECONDS;
	if (!sim_same_origin(req) || (req->body.len > 0 && !sim_body(req, &body)))
		return;
	if ((body && json_get_int(body, "seconds", &seconds) == JSON_BAD_TYPE) || seconds < 1 ||
	    seconds > SCRIPT_SECONDS_MAX) {
		sim_bad(req, "seconds: 1 to 3600");
		return;
	}
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	site_script_start(site, clock_wall_ms(s->clock), clock_mono_ms(s->clock), seconds * 1000);
	sim_unlock(s);
	sim_site_show(req, room);
}

void sim_script_delete(struct request *req, void *room)
{
	struct sim *s = room;
	if (!sim_same_origin(req))
		return;
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	site_script_stop(site);
	sim_unlock(s);
	sim_site_show(req, room);
}
