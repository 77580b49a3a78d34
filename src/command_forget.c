/* command_forget.c - licgate forget EMAIL: erases a contact everywhere, beside a running server.
 *
 * One transaction: rows of contacts, the mail that waits or is on record, contacts of look-ups, billing addresses of
 * GitHub accounts. What stays is a keyed hash of the address, so that nothing brings it back. The work is
 * src/market/contacts_forget.c's. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mailbox.h"
#include "command_desk.h"
#include "commands.h"
#include "market/contacts.h"

static const char help[] =
    "usage: licgate forget EMAIL\n\nErases a contact everywhere: what Marketplace reports, licence look-ups and "
    "GitHub\n"
    "told of it, mail that waits for it and records of mail it got. A keyed hash of the address stays, so that it "
    "does\n"
    "not come back and gets no mail. Case does not matter; any other spelling is another address. A server may go on\n"
    "meanwhile.\n";

struct forget {
	const struct keyring *keyring;
	struct str email;
	struct contacts_forgotten result;
};

static enum err forget_run(struct store_tx *tx, void *arg)
{
	struct forget *f = arg;
	return contacts_forget(tx, f->keyring, f->email, clock_wall_ms(&clock_system), &f->result);
}

static int forget(struct store *s, const struct keyring *k, struct str email)
{
	struct forget f = {.keyring = k, .email = email};
	enum err err = store_write(s, forget_run, &f);
	if (err == ERR_SEAL) {
		fputs(
		    "licgate: the key of the hashes opens with no key of LICGATE_SECRET_KEYS: add the key it was sealed with\n",
		    stderr);
		return 1;
	}
	if (err != OK) {
		fprintf(stderr, "licgate: nothing was erased (%s): run this again\n", err_text(err));
		return 1;
	}
	const struct contacts_forgotten *r = &f.result;
	printf("erased: contacts of licences %zu, of look-ups %zu, of GitHub accounts %zu, mails %zu\n%s\n", r->contacts,
	       r->lookups, r->accounts, r->mails,
	       r->known ? "it was forgotten before, and stays so" : "it will not be kept again");
	return 0;
}

int command_forget(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (argc != 2) {
		fputs("licgate: forget takes one e-mail address: see licgate forget --help\n", stderr);
		return 2;
	}
	if (!mailbox_address_plausible(str_of(argv[1]))) {
		fputs("licgate: that is not an e-mail address: see licgate forget --help\n", stderr);
		return 2;
	}
	__cleanup(desk_release) struct desk desk = {0};
	if (!desk_settings(&desk) || !desk_store(&desk, true))
		return 1;
	return forget(desk.store, desk.keyring, str_of(argv[1]));
}
