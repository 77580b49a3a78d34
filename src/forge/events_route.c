/* events_route.c - POST /forge/events: lifecycle events keep the installations. 204 once the store has it.
 *
 * The token is the truth of who sends: an event of another installation is a 403. Forge retries what is not 2xx, four
 * times; a change that changes nothing is acknowledged. An event we have no use for is a 204 too. */
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "forge/events_body.h"
#include "forge/follow.h"

static const char *const names[] = {
    [FORGE_EVENT_OTHER] = "other",
    [FORGE_EVENT_INSTALLED] = "installed",
    [FORGE_EVENT_UPGRADED] = "upgraded",
    [FORGE_EVENT_UNINSTALLED] = "uninstalled",
};
static const enum follow_kind kinds[] = {
    [FORGE_EVENT_INSTALLED] = FOLLOW_INSTALLED,
    [FORGE_EVENT_UPGRADED] = FOLLOW_UPGRADED,
    [FORGE_EVENT_UNINSTALLED] = FOLLOW_UNINSTALLED,
};

static void followed(struct request *req, void *room)
{
	(void)room;
	const struct follow *w = visit_of(req)->follow;
	if (w->err != OK) {
		reply_err(req, w->err);
		return;
	}
	if (w->known)
		log_event(LOG_INFO, "forge.event", LF_Z("event", req->state), LF_Z("tenant", w->row.client_key),
		          LF_STR("environment", req->fit->environment), LF_STR("trace_id", visit_trace(req, "x-b3-traceid")),
		          LF_STR("span_id", visit_trace(req, "x-b3-spanid")));
	reply_empty(req, 204); /* also where it came too late to be news */
}

static void bad(struct request *req, const char *field)
{
	req->code = "bad_event";
	const char *detail = arena_printf(&req->arena, "The event is refused because of: %s.", field);
	reply_problem(req, 400, "bad_event", detail, NULL, 0);
}

static bool is_json(const struct request *req)
{
	struct str type = request_header(req, "Content-Type");
	type.len = str_find(type, ';');
	return request_header_count(req, "Content-Type") == 1 && str_ieq(str_trim(type), STR("application/json"));
}

void forge_events_post(struct request *req, void *forge)
{
	struct forge *f = forge;
	struct events_body body;
	const char *field;
	if (!is_json(req)) {
		reply_problem(req, 415, "unsupported_media_type", "Send the body as application/json.", NULL, 0);
		return;
	}
	if (!events_body_read(req->body, &body, &field)) {
		if (field)
			bad(req, field);
		else
			reply_err(req, ERR_NOMEM);
		return;
	}
	const enum forge_event event = body.event;
	const bool same = event == FORGE_EVENT_OTHER || str_eq(body.installation_id, req->fit->installation_id);
	const char *version = arena_strz(&req->arena, body.version);
	events_body_release(&body);
	metric_inc(f->events[event]);
	if (!version) {
		reply_err(req, ERR_NOMEM);
	} else if (!same) {
		req->code = "other_installation";
		reply_problem(req, 403, "other_installation", "The event is of another installation than the token.", NULL, 0);
	} else if (event == FORGE_EVENT_OTHER) {
		reply_empty(req, 204);
	} else {
		req->state = (void *)(uintptr_t)names[event];
		follow_start(f, req, kinds[event], str_of(version), followed);
	}
}
