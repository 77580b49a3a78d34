/* sync_report.c - see sync_report.h.
 *
 * Licences come in two exports: insights (sandbox, evaluation days) are only told of what began after FIRST_INSIGHTS,
 * so what began before is asked for by itself, without them; in the hourly window only where there is any. The rows of
 * the two never overlap, so that no row flips between two forms.
 *
 * Elements are hashed and looked for among the hashes of all rows; only what is not known is copied into a batch, to
 * be parsed and put down. Two batches take turns: one is filled while the writer still works on the other. */
#include "market/sync_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "market/apply.h"
#include "market/known.h"
#include "market/ordered.h"
#include "market/scan.h"
#include "market/versions.h"

#define FIRST_INSIGHTS "2018-07-02"
#define LAST_WITHOUT "2018-07-01"
enum {
	BATCH_ROWS = 4096,
	TURN_ROWS = 16384, /* then the lease and the progress are looked at */
	BATCH_BYTES = 2 * 1024 * 1024,
	ELEMENT_BYTES_USUAL = 800, /* rather less than a report's rows have */
	WINDOW_DAYS = 3,
	FULL_EVERY_DAYS = 7,
	EXPORT_TRUSTED_MS = 30 * 60 * 1000, /* an export of a poll that was cut short is used until it is this old */
	EXPORT_ROUNDS = 4,
	DOWNLOAD_ROUNDS = 3,
	DOWNLOAD_EARLY_ROUNDS = 60,
	EARLY_WAIT_S = 5,
	SHOW_EVERY_MS = 250,
	WORK_ARENA_MAX = 1024 * 1024,
	FOLDER_MAX = 4096,
};
static const int64_t DAY_MS = 86400000;

const struct sync_report_kind sync_reports[SYNC_REPORTS] = {
    {"licenses", "licenses", "licences", ROW_LICENSE, SPAN_INSIGHTS},
    {"old_licenses", "licenses", "older licences", ROW_LICENSE, SPAN_OLDER},
    {"sales", "sales/transactions", "transactions", ROW_SALE, SPAN_ALL},
};

void sync_show(struct sync *y)
{
	if (!y->o.progress)
		return;
	y->at.bytes = y->spooling ? y->spool.bytes : y->at.bytes;
	y->o.progress(y->o.arg, &y->at);
}

/* ---- where a report stands ---- */

struct standing {
	struct sync *y;
	const struct sync_report_kind *k;
	struct market_poll poll;
	bool has_older;
	bool began; /* the Marketplace took on an export */
	struct arena arena;
};

static enum err stand_read(struct store_tx *tx, void *arg)
{
	struct standing *st = arg;
	enum err e = store_market_poll_get(tx, str_of(st->k->name), &st->arena, &st->poll);
	return e == OK ? store_market_has_older(tx, str_of(FIRST_INSIGHTS), &st->has_older) : e;
}

static enum err stand_write(struct store_tx *tx, void *arg)
{
	const struct standing *st = arg;
	struct market_lease l;
	struct arena arena;
	arena_init(&arena, WORK_ARENA_MAX);
	enum err e = store_market_lease_get(tx, &arena, &l);
	if (e == OK && !str_eqz(l.holder, st->y->lease.holder))
		e = ERR_CONFLICT;
	arena_release(&arena);
	return e == OK ? store_market_poll_put(tx, &st->poll) : e;
}

static enum err stand_put(struct standing *st)
{
	return store_write(st->y->o.store, stand_write, st);
}

/* ---- reading ---- */

struct batch {
	size_t count, used; /* elements that are not known, bytes of text */
	struct str *elements;
	char *text;
};

struct reading {
	struct sync *y;
	const struct sync_report_kind *k;
	struct scanner *scanner;
	struct ordered *ordered; /* NULL but in the first import: what comes may be news, told in the export's order */
	struct applier *applier;
	struct known known;
	struct batch batches[2];
	int64_t rows;
	int64_t shown_mono_ms;
};

static bool batch_init(struct batch *b)
{
	b->elements = calloc(BATCH_ROWS, sizeof(*b->elements));
	b->text = malloc(BATCH_BYTES);
	return b->elements && b->text;
}

static void reading_release(struct reading *r)
{
	applier_free(r->applier); /* first: it waits for jobs that read the batches */
	ordered_free(r->ordered);
	scanner_free(r->scanner);
	known_release(&r->known);
	for (size_t i = 0; i < 2; i++) {
		free(r->batches[i].elements);
		free(r->batches[i].text);
	}
}

/* Passes what is known by, and what comes twice in a report. */
static void take_element(struct reading *r, struct batch *b, struct str text)
{
	uint8_t hash[RAW_HASH_SIZE];
	r->rows++;
	row_raw_hash(&r->y->row_key, text, hash);
	if (known_add(&r->known, hash))
		return;
	memcpy(b->text + b->used, text.ptr, text.len);
	b->elements[b->count++] = (struct str){b->text + b->used, text.len};
	b->used += text.len;
}

/* Up to a full batch, or some time's work; ret_last tells how it ended: SCAN_ELEMENT where there is more. */
static void fill(struct reading *r, struct batch *b, enum scan *ret_last)
{
	struct str text;
	const int64_t end = r->rows + TURN_ROWS;
	b->count = b->used = 0;
	*ret_last = SCAN_ELEMENT;
	while (r->rows < end && b->count < BATCH_ROWS && b->used + SCAN_ELEMENT_MAX <= BATCH_BYTES) {
		*ret_last = r->ordered ? ordered_next(r->ordered, &text) : scanner_next(r->scanner, &text);
		if (*ret_last != SCAN_ELEMENT && *ret_last != SCAN_TOO_LARGE)
			return;
		take_element(r, b, text);
	}
	*ret_last = SCAN_ELEMENT;
}

static enum err apply_batch(struct reading *r, const struct batch *b)
{
	enum err e = OK;
	size_t done = 0;
	while (e == OK && done < b->count) {
		const size_t left = b->count - done, fits = applier_batch(r->applier);
		const size_t n = left < fits ? left : fits;
		if (pace_stopping(r->y->o.pace))
			return ERR_STOPPING;
		e = applier_rows(r->applier, b->elements + done, n);
		done += n;
	}
	return e;
}

static enum err keep_going(struct reading *r)
{
	const int64_t now = clock_mono_ms(r->y->o.clock);
	struct sync_progress *at = &r->y->at;
	at->rows = r->rows;
	at->bytes = scanner_bytes(r->scanner);
	if (now - r->shown_mono_ms >= SHOW_EVERY_MS) {
		r->shown_mono_ms = now;
		sync_show(r->y);
	}
	return pace_stopping(r->y->o.pace) ? ERR_STOPPING : lease_keep(&r->y->lease);
}

/* ERR_INVALID: the text is not a whole array; what was read of it is put down. */
static enum err read_elements(struct reading *r)
{
	enum scan last = SCAN_ELEMENT;
	enum err e = OK;
	for (unsigned turn = 0; e == OK && last == SCAN_ELEMENT; turn++) {
		struct batch *b = &r->batches[turn % 2];
		/* the rows of this batch's last turn are done once two later jobs were begun */
		if (turn >= 2 && r->batches[(turn + 1) % 2].count < (size_t)APPLY_ROWS_MAX * APPLY_AHEAD)
			e = applier_flush(r->applier);
		if (e != OK)
			break;
		fill(r, b, &last);
		e = apply_batch(r, b);
		if (e == OK)
			e = keep_going(r);
	}
	enum err flushed = applier_flush(r->applier);
	if (e == OK)
		e = flushed;
	if (e == ERR_INVALID || e == ERR_NOT_FOUND) /* what the store refused says nothing of the export */
		e = ERR_INTERNAL;
	if (e != OK || last == SCAN_END)
		return e;
	return last == SCAN_FAILED ? ERR_IO : ERR_INVALID;
}

/* again: the rows were counted when the report was read first. */
static void add_counts(struct standing *st, const struct reading *r, bool again, struct sync_result *ret)
{
	const struct apply_counts c = applier_counts(r->applier);
	const bool license = r->k->rows == ROW_LICENSE;
	*(license ? &ret->licenses : &ret->sales) += again ? 0 : r->rows;
	*(license ? &ret->licenses_changed : &ret->sales_changed) += c.changed;
	ret->broken += c.broken;
	st->poll.rows_seen = r->rows;
	st->poll.rows_changed += c.changed;
}

/* Should an old licence be in both exports all the same, it must not change between its two forms: what the second
 * brings of it is alone only where the first was read as far back and did not bring it. */
static enum err find_alone(const struct standing *st, struct reading *r, size_t *ret)
{
	struct sync *y = st->y;
	const bool older = st->k->span == SPAN_OLDER;
	if (older && (y->given_up || (st->poll.export_full && !y->insights_full)))
		return OK;
	enum err e = versions_alone(&y->lease, &r->known, older ? &y->insights : NULL, st->k->rows, ret);
	known_release(&y->insights); /* of the export before: it was looked at, or is of an earlier poll */
	if (st->k->span == SPAN_INSIGHTS) {
		y->insights = r->known;
		y->insights_full = st->poll.export_full;
		r->known = (struct known){0};
	}
	return e;
}

/* The spool's rows. ret_alone NULL: it is read again, for versions that stand alone; else, how many there are. */
static enum err read_rows(struct standing *st, struct sync_result *ret, size_t *ret_alone)
{
	struct sync *y = st->y;
	__cleanup(reading_release) struct reading r = {.y = y, .k = st->k};
	const struct apply_options ao = {.store = y->o.store,
	                                 .keyring = y->o.keyring,
	                                 .row_key = &y->row_key,
	                                 .clock = y->o.clock,
	                                 .holder = y->lease.holder,
	                                 .lease_ms = LEASE_MS,
	                                 .run = y->lease.run,
	                                 .kind = st->k->rows,
	                                 .silent = st->poll.full_at == 0,
	                                 .alone = !ret_alone};
	enum err e = spool_rewind(&y->spool);
	if (e == OK)
		e = scanner_new(spool_read, &y->spool, &r.scanner);
	if (e == OK && ao.silent)
		e = ordered_new(r.scanner, &y->spool, st->k->rows, &r.ordered);
	known_expect(&r.known, y->spool.bytes / ELEMENT_BYTES_USUAL);
	if (e == OK)
		e = known_load(&r.known, y->o.store, st->k->rows);
	if (e == OK)
		e = applier_new(&ao, &r.applier);
	if (e == OK && (!batch_init(&r.batches[0]) || !batch_init(&r.batches[1])))
		e = ERR_NOMEM;
	if (e != OK)
		return e;
	e = read_elements(&r);
	add_counts(st, &r, !ret_alone, ret);
	return e == OK && ret_alone ? find_alone(st, &r, ret_alone) : e;
}

static enum err read_spool(struct standing *st, struct sync_result *ret)
{
	struct sync *y = st->y;
	size_t alone = 0;
	y->spooling = false;
	y->at = (struct sync_progress){.report = st->k->shown, .step = "reading", .total_bytes = y->spool.bytes};
	enum err e = read_rows(st, ret, &alone);
	if (e == OK && alone > 0)
		e = read_rows(st, ret, NULL);
	if (e == ERR_INVALID)
		(void)snprintf(y->source.failure, sizeof(y->source.failure),
		               "download: not a whole JSON array: try again later");
	return e;
}

/* ---- exporting ---- */

static void day_text(int64_t wall_ms, char out[static TIME_TEXT_SIZE])
{
	time_text(wall_ms, out);
	out[10] = '\0';
}

static enum err start(struct standing *st)
{
	struct sync *y = st->y;
	struct export_parameter p[4];
	size_t n = 0;
	char since[TIME_TEXT_SIZE], id[EXPORT_ID_MAX + 1];
	const int64_t now = clock_wall_ms(y->o.clock);
	/* what was missed while nobody polled is asked for too */
	const int64_t from = st->poll.done_at > 0 && st->poll.done_at < now ? st->poll.done_at : now;
	day_text(from - WINDOW_DAYS * DAY_MS, since);
	if (st->k->span == SPAN_INSIGHTS) {
		p[n++] = (struct export_parameter){"startDate", FIRST_INSIGHTS};
		p[n++] = (struct export_parameter){"withDataInsights", "true"};
	} else if (st->k->span == SPAN_OLDER) {
		p[n++] = (struct export_parameter){"endDate", LAST_WITHOUT};
	}
	if (!st->poll.export_full)
		p[n++] = (struct export_parameter){"lastUpdated", since};
	enum err e = export_start(&y->source, st->k->report, p, n, id);
	if (e != OK)
		return e;
	const char *kept = arena_strz(&st->arena, str_of(id));
	if (!kept)
		return ERR_NOMEM;
	st->began = true;
	st->poll.export_id = str_of(kept);
	st->poll.export_at = now;
	st->poll.rows_changed = 0;
	return stand_put(st);
}

static enum err download(struct standing *st)
{
	struct sync *y = st->y;
	y->at = (struct sync_progress){.report = st->k->shown, .step = "downloading"};
	y->spooling = true;
	sync_show(y);
	for (unsigned round = 0;; round++) {
		enum err e = export_download(&y->source, st->k->report, st->poll.export_id.ptr, &y->spool);
		if (e != ERR_NOT_FOUND || round == DOWNLOAD_EARLY_ROUNDS)
			return e;
		if ((e = lease_keep(&y->lease)) != OK)
			return e;
		if (!pace_wait(y->o.pace, EARLY_WAIT_S * y->o.pace->second_ms))
			return ERR_STOPPING;
		/* it may have failed, or be forgotten */
		if ((e = export_wait(&y->source, st->k->report, st->poll.export_id.ptr)) != OK)
			return e;
	}
}

/* One export, from its id to its rows. ERR_NOT_FOUND, ERR_INVALID: another may do better. */
static enum err one_export(struct standing *st, struct sync_result *ret)
{
	struct sync *y = st->y;
	y->at = (struct sync_progress){.report = st->k->shown, .step = "waiting for the export"};
	sync_show(y);
	enum err e = export_wait(&y->source, st->k->report, st->poll.export_id.ptr);
	if (e != OK)
		return e;
	for (unsigned round = 0; round < DOWNLOAD_ROUNDS; round++) {
		struct sync_result before = *ret;
		if ((e = download(st)) != OK)
			return e;
		if ((e = read_spool(st, ret)) != ERR_INVALID)
			return e;
		*ret = before;
		if (!pace_wait(y->o.pace, y->o.pace->second_ms))
			return ERR_STOPPING;
	}
	return e;
}

static enum err exports(struct standing *st, struct sync_result *ret)
{
	enum err e = OK;
	for (unsigned round = 0; round < (st->y->given_up ? 1 : EXPORT_ROUNDS); round++) {
		if (round > 0 && !pace_wait(st->y->o.pace, st->y->o.pace->second_ms << round))
			return ERR_STOPPING;
		if (!st->poll.export_id.ptr && (e = start(st)) != OK)
			return e;
		e = one_export(st, ret);
		if (e != ERR_NOT_FOUND && e != ERR_INVALID)
			return e;
		st->poll.export_id = (struct str){0};
	}
	return e == ERR_NOT_FOUND || e == ERR_INVALID ? ERR_UPSTREAM : e;
}

/* In full, and that does not come: what is new is read all the same, and does not wait for it. */
static enum err read_window(struct standing *st, enum err e, struct sync_result *ret)
{
	struct sync *y = st->y;
	char failure[EXPORT_FAILURE_MAX];
	(void)snprintf(failure, sizeof(failure), "%s", y->source.failure);
	y->given_up = true;
	st->poll.export_id = (struct str){0};
	st->poll.export_full = false;
	enum err window = exports(st, ret);
	if (window == ERR_CONFLICT || window == ERR_STOPPING)
		return window;
	if (window == OK)
		st->poll.done_at = clock_wall_ms(y->o.clock);
	(void)snprintf(y->source.failure, sizeof(y->source.failure), "%s", failure);
	return e;
}

/* ---- a report ---- */

/* The folder of the database, which has room; else that for temporary files. */
static enum err open_spool(struct sync *y)
{
	const struct str database = str_of(y->o.config->database), scheme = STR("sqlite:");
	char folder[FOLDER_MAX] = "/var/tmp";
	if (str_starts(database, scheme) && !str_ends(database, STR(":memory:"))) {
		(void)snprintf(folder, sizeof(folder), "%s", database.ptr + scheme.len);
		char *slash = strrchr(folder, '/');
		if (!slash)
			(void)snprintf(folder, sizeof(folder), ".");
		else
			slash[slash == folder] = '\0';
	}
	enum err e = spool_open(folder, &y->spool);
	if (e != OK)
		(void)snprintf(y->source.failure, sizeof(y->source.failure),
		               "download: no file can be made in the folder of the database: see whether it is full or not "
		               "writable");
	return e;
}

static bool is_due_in_full(const struct standing *st, bool full)
{
	const int64_t now = clock_wall_ms(st->y->o.clock);
	const int64_t age = now - st->poll.full_at; /* negative: the clock was wrong then */
	return full || st->poll.full_at == 0 || age < 0 || age >= FULL_EVERY_DAYS * DAY_MS;
}

static enum err finish(struct standing *st, enum err e)
{
	const int64_t now = clock_wall_ms(st->y->o.clock);
	struct market_poll *p = &st->poll;
	if (e == ERR_CONFLICT) /* not ours any more */
		return e;
	if (e == OK) {
		*p = (struct market_poll){.kind = p->kind,
		                          .done_at = now,
		                          .full_at = p->export_full ? now : p->full_at,
		                          .rows_seen = p->rows_seen,
		                          .rows_changed = p->rows_changed};
		return stand_put(st);
	}
	if (e != ERR_STOPPING) {
		if (!st->y->source.failure[0])
			(void)snprintf(st->y->source.failure, sizeof(st->y->source.failure), "database: %s",
			               e == ERR_FULL ? "its disk is full: make room" : err_text(e));
		p->failed_at = now;
		p->failure = str_of(st->y->source.failure);
		p->export_id = (struct str){0};
		(void)stand_put(st);
	}
	return e;
}

enum err sync_report(struct sync *y, const struct sync_report_kind *k, bool full, struct sync_result *ret)
{
	struct standing st = {.y = y, .k = k};
	y->source.failure[0] = '\0';
	arena_init(&st.arena, WORK_ARENA_MAX);
	enum err e = store_read(y->o.store, stand_read, &st);
	const bool asked = full || st.poll.full_at == 0;
	full = is_due_in_full(&st, full);
	ret->full = ret->full || full;
	const bool wanted = k->span != SPAN_OLDER || full || st.has_older;
	if (e == OK && wanted) {
		const bool usable = st.poll.export_id.ptr && st.poll.export_full >= full &&
		                    clock_wall_ms(y->o.clock) - st.poll.export_at < EXPORT_TRUSTED_MS;
		if (!usable) {
			st.poll.export_id = (struct str){0};
			st.poll.export_full = full;
		}
		e = open_spool(y);
		if (e == OK) {
			e = exports(&st, ret);
			if ((e == ERR_UPSTREAM || e == ERR_TIMEOUT) && st.began && full && !asked)
				e = read_window(&st, e, ret);
			spool_close(&y->spool);
			y->spooling = false;
		}
		e = finish(&st, e);
	}
	arena_release(&st.arena);
	return e;
}
