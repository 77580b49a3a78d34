/* mail_unsubscribe.c - see mail_unsubscribe.h. */
#include "events/mail_unsubscribe.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "events/mail_queue.h"
#include "events/request_write.h"
#include "http/reply.h"

/* STR() is no constant. */
#define CONST_STR(literal)                                                                                             \
	{                                                                                                                  \
		literal, sizeof(literal) - 1                                                                                   \
	}

/* The style sheet of the vendor's other pages; without it they read the same. */
#define PAGE(title, text)                                                                                              \
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"                                          \
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"                                       \
	"<meta name=\"color-scheme\" content=\"light dark\">\n<title>" title "</title>\n"                                  \
	"<link rel=\"stylesheet\" href=\"../../assets/app.css\">\n</head>\n<body>\n<main class=\"closed\">\n"              \
	"<h1>" title "</h1>\n" text "\n</main>\n</body>\n</html>\n"

static const char ask_page[] =
    PAGE("Get no more mail?", "<p>We will send no more mail about evaluations to the address that got this link.</p>\n"
                              "<form method=\"post\"><p class=\"actions\"><button class=\"primary\" name=\"confirm\" "
                              "value=\"1\">Send me no more mail</button></p></form>");
static const char done_page[] =
    PAGE("No more mail", "<p>The address is on our list of those that get no mail. You can close this page.</p>");
static const char unknown_page[] =
    PAGE("This link does not work", "<p>It may have been cut: copy the whole link from the mail.</p>");

static void reply_page(struct request *req, int status, const char *html)
{
	static const struct header headers[] = {
	    {"Content-Security-Policy", CONST_STR("default-src 'none'; style-src 'self'; form-action 'self'; "
	                                          "frame-ancestors 'none'; base-uri 'none'")},
	    {"X-Frame-Options", CONST_STR("DENY")},
	    {"Referrer-Policy", CONST_STR("no-referrer")},
	    {"X-Robots-Tag", CONST_STR("noindex")},
	};
	reply_borrowed(req, status, "text/html; charset=utf-8", str_of(html), headers,
	               sizeof(headers) / sizeof(headers[0]));
}

/* The token in the path stands for a person: it is in no log. */
static struct str take_token(struct request *req)
{
	const struct str token = req->params.part[0];
	req->path = str_of(req->route->pattern);
	return token;
}

void unsubscribe_get(struct request *req, void *unsubscribe)
{
	(void)unsubscribe;
	const bool whole = take_token(req).len == MAIL_TOKEN_LEN;
	reply_page(req, whole ? 200 : 404, whole ? ask_page : unknown_page);
}

struct unsubscription {
	struct request_write w; /* first */
	const struct unsubscribe *u;
	bool known;
	char token[MAIL_TOKEN_LEN + 1];
};

static enum err write_run(struct request_write *w, struct store_tx *tx)
{
	struct unsubscription *n = (struct unsubscription *)(void *)w;
	struct contact_key key;
	struct address_hash address;
	n->known = false;
	enum err err = store_contact_key(tx, n->u->keyring, &key);
	if (err != OK)
		return err;
	n->known = mail_token_read(&key, str_of(n->token), &address);
	wipe(&key, sizeof(key));
	if (!n->known)
		return OK;
	return store_suppression_put(tx, &address, SUPPRESSION_UNSUBSCRIBED, clock_wall_ms(n->u->clock));
}

static void write_answer(struct request_write *w, struct request *req)
{
	const struct unsubscription *n = (const struct unsubscription *)(const void *)w;
	if (n->known)
		log_event(LOG_INFO, "mail.unsubscribed", LF_Z("request_id", req->id));
	reply_page(req, n->known ? 200 : 404, n->known ? done_page : unknown_page);
}

static void write_free(struct request_write *w)
{
	arena_release(&w->arena);
	free(w);
}

void unsubscribe_post(struct request *req, void *unsubscribe)
{
	const struct unsubscribe *u = unsubscribe;
	const struct str token = take_token(req);
	if (token.len != MAIL_TOKEN_LEN) {
		reply_page(req, 404, unknown_page);
		return;
	}
	struct unsubscription *n = calloc(1, sizeof(*n));
	if (!n) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	n->w.run = write_run;
	n->w.answer = write_answer;
	n->w.free = write_free;
	n->u = u;
	memcpy(n->token, token.ptr, token.len);
	request_write_start(&n->w, req, u->store);
}
