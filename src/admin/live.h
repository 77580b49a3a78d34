/* live.h - tells open admin pages what happens, as server-sent events.
 *
 * While somebody listens, the journal is looked at once a second by a job of the store's writer thread: also what
 * another process wrote is seen, and nobody is called from where events are made. At most LIVE_STREAMS_MAX listeners.
 * Events: `journal` (data: the event as GET events gives it, id: its seq), `reload` (too many at once: ask for what
 * you show), `failures` (data: {"total":…}, when it changed), `deliveries` (data: {}, when the
 * outbox changed). A comment every 15 s keeps the connection up. */
#pragma once
#include "admin/session.h"
#include "connect/connect.h"

enum { LIVE_STREAMS_MAX = 32 };

struct deliveries;
struct live_feed;
/* deliveries: where the owner keeps it; set before anybody listens. */
enum err live_feed_start(struct connect *c, struct sessions *sessions, const struct deliveries *const *deliveries,
                         struct live_feed **ret);
void live_feed_stop(struct live_feed *f); /* after the listener, before timers and store; accepts NULL */
/* Answers the request with a stream. session_serial: it ends with that session; 0: bearer token. */
void live_feed_listen(struct live_feed *f, struct request *req, uint64_t session_serial);
