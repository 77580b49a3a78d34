/* live.c - see live.h.
 *
 * One timer and one store job, never both under way: the timer submits the job, the job's end sets the timer. Both stop
 * when nobody listens. Streams never block, so they may be sent to under the lock. Locks: the feed's, then a stream's
 * or the sessions'. */
#include "admin/live.h"

#include <stddef.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"
#include "events/deliver.h"
#include "http/stream.h"

enum {
	LOOK_EVERY_MS = 1000,
	BEAT_EVERY_MS = 15 * 1000,
	EVENTS_MAX = 100, /* at a time; beyond, pages load anew what they show */
	PENDING_MAX = 256 * 1024,
	EVENTS_ARENA_MAX = 4 * 1024 * 1024,
	MESSAGE_MAX = 4 * 1024 * 1024,
};

struct listener {
	struct stream *stream;
	uint64_t session; /* 0: none */
};

struct live_feed {
	struct connect *c;
	struct sessions *sessions;
	const struct deliveries *const *deliveries;
	pthread_mutex_t lock; /* guards all below but the job's own */
	pthread_cond_t idle;
	struct listener at[LIVE_STREAMS_MAX];
	size_t count;
	struct timer timer;
	bool looking; /* the timer is set, or the job is the store's */
	bool job_out; /* the job is the store's */
	bool stopping;
	int64_t next_beat_mono;
	uint64_t failures_told, deliveries_told;

	/* the job's own while it is out */
	struct store_job job;
	struct arena arena;
	int64_t last_seq; /* -1: not known yet, start at the end */
	struct event_row *events;
	size_t event_count;
	bool too_many;
};

static void look(void *feed);

/* Under the lock: gives one listener up. */
static void drop(struct live_feed *f, size_t i)
{
	stream_end(f->at[i].stream);
	stream_unref(f->at[i].stream);
	f->at[i] = f->at[--f->count];
}

/* Under the lock. */
static void tell_all(struct live_feed *f, struct str text)
{
	for (size_t i = f->count; i-- > 0;)
		if (!stream_send(f->at[i].stream, text))
			drop(f, i);
}

/* Under the lock. */
static void drop_signed_out(struct live_feed *f)
{
	for (size_t i = f->count; i-- > 0;)
		if (f->at[i].session != 0 && !session_alive(f->sessions, f->at[i].session))
			drop(f, i);
}

/* Under the lock. */
static void look_again(struct live_feed *f)
{
	f->looking = !f->stopping && f->count > 0 && timer_set(f->c->timers, &f->timer, LOOK_EVERY_MS, look, f) == OK;
}

static void write_events(struct live_feed *f, struct buf *out)
{
	for (size_t i = 0; i < f->event_count; i++) {
		const struct event_row *e = &f->events[i];
		/* the stored text is one line of JSON */
		buf_printf(out, "event: journal\nid: %lld\ndata: {\"seq\":%lld,", (long long)e->seq, (long long)e->seq);
		buf_z(out, e->json + 1);
		buf_z(out, "\n\n");
	}
	if (f->too_many)
		buf_z(out, "event: reload\ndata: {}\n\n");
}

static enum err look_run(struct store_job *job, struct store_tx *tx)
{
	struct live_feed *f = (struct live_feed *)(void *)((char *)job - offsetof(struct live_feed, job));
	arena_release(&f->arena);
	arena_init(&f->arena, EVENTS_ARENA_MAX);
	f->event_count = 0;
	f->too_many = false;
	if (f->last_seq < 0)
		return store_event_last(tx, &f->last_seq);
	enum err err = store_event_list(tx, f->last_seq, (struct str){0}, (struct str){0}, EVENTS_MAX + 1, &f->arena,
	                                &f->events, &f->event_count);
	if (err == OK && f->event_count > EVENTS_MAX) {
		f->too_many = true;
		f->event_count = 0;
		err = store_event_last(tx, &f->last_seq);
	} else if (err == OK && f->event_count > 0) {
		f->last_seq = f->events[f->event_count - 1].seq;
	}
	if (err != OK)
		f->event_count = 0;
	return err;
}

/* Under the lock. */
static void tell_failures(struct live_feed *f)
{
	const uint64_t total = failures_total(f->c->failures);
	char text[80];
	if (total == f->failures_told)
		return;
	f->failures_told = total;
	snprintf(text, sizeof(text), "event: failures\ndata: {\"total\":%llu}\n\n", (unsigned long long)total);
	tell_all(f, str_of(text));
}

/* Under the lock. */
static void tell_deliveries(struct live_feed *f)
{
	const uint64_t changes = deliveries_changes(*f->deliveries);
	if (changes == f->deliveries_told)
		return;
	f->deliveries_told = changes;
	tell_all(f, STR("event: deliveries\ndata: {}\n\n"));
}

static void look_done(struct store_job *job, enum err err)
{
	struct live_feed *f = (struct live_feed *)(void *)((char *)job - offsetof(struct live_feed, job));
	__cleanup_buf struct buf text = BUF_INIT(MESSAGE_MAX);
	if (err == OK)
		write_events(f, &text);
	pthread_mutex_lock(&f->lock);
	if (text.len > 0 && text.err == OK)
		tell_all(f, buf_text(&text));
	else if (text.err != OK)
		tell_all(f, STR("event: reload\ndata: {}\n\n"));
	tell_failures(f);
	tell_deliveries(f);
	f->job_out = false;
	look_again(f);
	pthread_cond_broadcast(&f->idle);
	pthread_mutex_unlock(&f->lock);
}

static void look(void *feed)
{
	struct live_feed *f = feed;
	pthread_mutex_lock(&f->lock);
	drop_signed_out(f);
	const int64_t now = clock_mono_ms(f->c->clock);
	if (now >= f->next_beat_mono) {
		f->next_beat_mono = now + BEAT_EVERY_MS;
		tell_all(f, STR(": beat\n\n"));
	}
	f->job_out = !f->stopping && f->count > 0;
	f->looking = f->job_out;
	const bool go = f->job_out;
	pthread_mutex_unlock(&f->lock);
	if (!go)
		return;
	f->job = (struct store_job){.run = look_run, .done = look_done};
	enum err err = store_submit(f->c->store, &f->job);
	if (err != OK)
		look_done(&f->job, err);
}

void live_feed_listen(struct live_feed *f, struct request *req, uint64_t session_serial)
{
	pthread_mutex_lock(&f->lock);
	if (f->count == LIVE_STREAMS_MAX) /* some may have gone without our noticing */
		tell_all(f, STR(": beat\n\n"));
	const bool full = f->count == LIVE_STREAMS_MAX || f->stopping;
	struct stream *s = full ? NULL : reply_stream(req, "text/event-stream", PENDING_MAX);
	if (s) {
		f->at[f->count++] = (struct listener){s, session_serial};
		(void)stream_send(s, STR("retry: 3000\nevent: hello\ndata: {}\n\n"));
		if (!f->looking) {
			f->last_seq = -1;
			f->failures_told = failures_total(f->c->failures);
			f->deliveries_told = deliveries_changes(*f->deliveries);
			f->next_beat_mono = clock_mono_ms(f->c->clock) + BEAT_EVERY_MS;
			f->looking = timer_set(f->c->timers, &f->timer, 0, look, f) == OK;
		}
	}
	pthread_mutex_unlock(&f->lock);
	if (full)
		reply_unavailable(req, "too_many_streams", 15);
}

void admin_stream(struct request *req, void *room)
{
	const struct admin *a = room;
	struct session session = {0};
	(void)session_of_request(req, a, &session);
	live_feed_listen(a->feed, req, session.serial);
}

enum err live_feed_start(struct connect *c, struct sessions *sessions, const struct deliveries *const *deliveries,
                         struct live_feed **ret)
{
	struct live_feed *f = calloc(1, sizeof(*f));
	if (!f)
		return ERR_NOMEM;
	f->c = c;
	f->sessions = sessions;
	f->deliveries = deliveries;
	arena_init(&f->arena, EVENTS_ARENA_MAX);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->idle, NULL);
	*ret = f;
	return OK;
}

void live_feed_stop(struct live_feed *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_mutex_unlock(&f->lock);
	timer_cancel_wait(f->c->timers, &f->timer);
	pthread_mutex_lock(&f->lock);
	while (f->job_out)
		pthread_cond_wait(&f->idle, &f->lock);
	while (f->count > 0)
		drop(f, f->count - 1);
	pthread_mutex_unlock(&f->lock);
	arena_release(&f->arena);
	pthread_cond_destroy(&f->idle);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
