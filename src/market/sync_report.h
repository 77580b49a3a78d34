/* sync_report.h - one report of a poll: exported, downloaded, read. Of sync.c alone. */
#pragma once
#include "market/known.h"
#include "market/lease.h"
#include "market/sync.h"

struct sync {
	struct sync_options o;
	struct export_source source;
	struct lease lease;
	enum err kept; /* what became of the lease while events were derived */
	struct row_key row_key;
	struct spool spool;
	struct known insights; /* what came in the first of the two exports of licences */
	bool insights_full;
	bool spooling;
	bool given_up; /* a report before this one: the next are asked for once, without patience */
	struct sync_progress at;
};

struct sync_report_kind {
	const char *name;   /* of its row in market_polls */
	const char *report; /* of its URL */
	const char *shown;
	enum row_kind rows;
	enum { SPAN_ALL, SPAN_INSIGHTS, SPAN_OLDER } span;
};
enum { SYNC_REPORTS = 3 };
extern const struct sync_report_kind sync_reports[SYNC_REPORTS];

/* Adds to ret. On failure y->source.failure says what, and it is put down beside the report. */
enum err sync_report(struct sync *y, const struct sync_report_kind *k, bool full, struct sync_result *ret);
void sync_show(struct sync *y);
/* Asked between the jobs that derive events: keeps the lease. True: it is lost, or the server stops. y: the sync. */
bool sync_must_end(void *y);
