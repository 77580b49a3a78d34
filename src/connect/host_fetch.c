/* host_fetch.c - the licence look-up: which resource is asked, when the other one is, what a failure is called.
 *
 * latest/license first, the addons resource where that answers 404 or lacks what is needed; a tenant whose last look-up
 * worked with the addons resource starts there. At most two calls. Failure codes are literals: they are kept, shown
 * to the operator and counted. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "connect/base_url.h"
#include "connect/host_internal.h"

enum { ANSWER_MAX = 64 * 1024, FACTS_MAX = 16 * 1024, RESOURCE_LATEST = 1, RESOURCE_ADDON = 2 };

struct fetch {
	struct host *host;
	const struct tenant *tenant; /* a reference */
	int resource;                /* asked now */
	bool second;                 /* the other one was asked before */
	license_fetched_fn *done;
	void *arg;
};

static void fetch_free(struct fetch *f)
{
	tenant_unref(f->tenant);
	free(f);
}

static void end_fetch(struct fetch *f, const struct license_facts *facts, const char *failure)
{
	f->done(f->arg, facts, failure);
	fetch_free(f);
}

static const char *failure_of_err(enum err err)
{
	switch ((int)err) {
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_TOO_LARGE:
		return "too_large";
	case ERR_DENIED:
		return "address_refused";
	case ERR_STOPPING:
		return "stopping";
	case ERR_NOMEM:
		return "out_of_memory";
	case ERR_FULL:
		return "queue_full";
	default:
		return "unreachable";
	}
}

static const char *failure_of_status(int status)
{
	switch (status) {
	case 401:
	case 403:
		return "unauthorized";
	case 404:
		return "status_404";
	case 429:
		return "status_429";
	}
	switch (status / 100) {
	case 2:
		return "status_2xx";
	case 3:
		return "status_3xx";
	case 4:
		return "status_4xx";
	default:
		return "status_5xx";
	}
}

static const char *failure_of_parse(enum license_parse parse)
{
	switch (parse) {
	case LICENSE_NOT_JSON:
		return "not_json";
	case LICENSE_LACKING:
		return "not_a_license";
	case LICENSE_DISABLED:
		return "app_disabled";
	case LICENSE_NO_MEMORY:
		return "out_of_memory";
	case LICENSE_OK:
		break;
	}
	return NULL;
}

static enum err ask(struct fetch *f);

/* This resource does not serve: try the other one, once. failure: what to say if that is not possible. */
static void try_other(struct fetch *f, const char *failure)
{
	enum err err;

	if (f->second) {
		end_fetch(f, NULL, failure);
		return;
	}
	f->second = true;
	f->resource = f->resource == RESOURCE_LATEST ? RESOURCE_ADDON : RESOURCE_LATEST;
	if ((err = ask(f)) != OK)
		end_fetch(f, NULL, failure_of_err(err));
}

static void on_license(struct fetch *f, const struct http_answer *answer)
{
	__cleanup(arena_release) struct arena a;
	struct license_facts facts;
	enum license_parse parse;

	arena_init(&a, FACTS_MAX);
	parse = f->resource == RESOURCE_LATEST ? license_read_latest(answer->body, &facts, &a)
	                                       : license_read_addon(answer->body, &facts, &a);
	if (parse == LICENSE_OK) {
		facts.max_age_s = answer->max_age_s;
		end_fetch(f, &facts, NULL);
	} else if (parse == LICENSE_LACKING || parse == LICENSE_NOT_JSON) {
		try_other(f, failure_of_parse(parse));
	} else {
		end_fetch(f, NULL, failure_of_parse(parse));
	}
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct fetch *f = arg;

	if (answer->err != OK)
		end_fetch(f, NULL, failure_of_err(answer->err));
	else if (answer->status == 200)
		on_license(f, answer);
	else if (answer->status == 404)
		try_other(f, failure_of_status(404));
	else
		end_fetch(f, NULL, failure_of_status(answer->status));
}

static enum err ask(struct fetch *f)
{
	__cleanup(buf_release) struct buf path = BUF_INIT(1024);

	buf_z(&path, base_url_rest_root(f->tenant->base_url, f->tenant->product_type));
	if (f->resource == RESOURCE_LATEST) {
		buf_z(&path, "/rest/atlassian-connect/latest/license");
	} else {
		buf_z(&path, "/rest/atlassian-connect/1/addons/");
		buf_z(&path, f->host->app_key); /* of the descriptor: letters, digits, '-', '.', '_' */
	}
	if (path.err != OK)
		return path.err;
	const struct app_call call = {
	    .method = "GET", .path = buf_text(&path), .answer_max = ANSWER_MAX, .done = on_answer, .arg = f};
	return host_call_app(f->host, f->tenant, &call);
}

enum err host_license_fetch(void *host, const struct tenant *tenant, int resource, license_fetched_fn *done, void *arg)
{
	struct fetch *f = malloc(sizeof *f);

	if (!f)
		return ERR_NOMEM;
	*f = (struct fetch){.host = host,
	                    .tenant = tenant,
	                    .resource = resource == RESOURCE_ADDON ? RESOURCE_ADDON : RESOURCE_LATEST,
	                    .done = done,
	                    .arg = arg};
	tenant_ref(tenant);
	enum err err = ask(f);
	if (err != OK)
		fetch_free(f);
	return err;
}
