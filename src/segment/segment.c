/* segment.c - begins and ends the Segment door's parts: the queue to a real source, the end of ids. */
#include "segment/segment.h"

#include <string.h>

#include "base/metrics.h"
#include "base/secret.h"
#include "segment/forget.h"
#include "segment/forward.h"

enum err segment_start(struct segment *s)
{
	static const char events[] = "licgate_segment_events_total",
	                  events_help[] = "Events taken, by whether they were new.";
	const struct config *c = s->config;
	s->fresh = metric_counter(events, events_help, "result=\"new\"");
	s->duplicates = metric_counter(events, events_help, "result=\"duplicate\"");
	s->limited =
	    metric_counter("licgate_segment_limited_total", "Requests refused because too many events waited.", NULL);
	s->visits = metric_counter("licgate_segment_clicks_total", "Clicks on /go/ by whether they were recorded.",
	                           "result=\"recorded\"");
	s->visits_lost = metric_counter("licgate_segment_clicks_total", "Clicks on /go/ by whether they were recorded.",
	                                "result=\"lost\"");
	if (c->segment_write_key)
		sha256(c->segment_write_key, strlen(c->segment_write_key), s->write_key_hash);
	enum err err = c->segment_forward && c->segment_write_key ? forward_start(s, &s->forward) : OK;
	if (err == OK)
		err = forget_start(s, &s->forget);
	return err;
}

void segment_stop_timers(struct segment *s)
{
	if (s->forward)
		forward_quiet(s->forward);
}

void segment_stop(struct segment *s)
{
	forget_free(s->forget); /* tells the queue what it dropped */
	forward_free(s->forward);
	s->forget = NULL;
	s->forward = NULL;
}
