/* mail_unsubscribe.h - GET and POST /mail/unsubscribe/TOKEN: no more mail to whoever the token stands for.
 *
 * The page of GET changes nothing: programs follow links in mails. Its button, and a mail program's one click (RFC
 * 8058), is a POST. The token has a hash of the address, never the address, and stays good. Whatever stands in its
 * place is the route's too: a link that a program broke gets a page that says so, and what is left of it is in no log.
 */
#pragma once
#include "base/secret.h"
#include "http/request.h"
#include "store/store.h"

struct unsubscribe {
	struct store *store;
	const struct keyring *keyring;
	const struct clock *clock;
};
void unsubscribe_get(struct request *req, void *unsubscribe);
void unsubscribe_post(struct request *req, void *unsubscribe);
