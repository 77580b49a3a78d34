/* command_forget.c - licgate forget EMAIL: erases a contact everywhere, beside a running server.
 *
 * One transaction: rows of contacts, the mail that waits or is on record, contacts of look-ups. What stays is a keyed
 * hash of the address, so that a report or a look-up does not bring it back. The work is src/market/contacts.c's. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/cleanup.h"
#include "base/mailbox.h"
#include "base/secret.h"
#include "commands.h"
#include "market/contacts.h"

enum { FORGET_BUSY_MS = 10000, FORGET_QUEUE_MAX = 4 };

static const char help[] =
    "usage: licgate forget EMAIL\n\nErases a contact everywhere: what Marketplace reports and licence look-ups told "
    "of\n"
    "it, mail that waits for it and records of mail it got. A keyed hash of the address stays, so that it does not\n"
    "come back and gets no mail. A server may go on meanwhile.\n";

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

static void close_store(struct store **s)
{
	store_close(*s);
}

static void free_keyring(struct keyring **k)
{
	keyring_free(*k);
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
	printf("erased: contacts of licences %zu, of look-ups %zu, mails %zu\n%s\n", r->contacts, r->lookups, r->mails,
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
	process_harden();
	if (!crypto_init())
		return 1;
	__cleanup(config_free_p) struct config *config = NULL;
	if (config_load(environ, print_problem, NULL, &config) != OK)
		return 1;
	__cleanup(free_keyring) struct keyring *keyring = NULL;
	struct problem problem = {.place = "LICGATE_SECRET_KEYS", .text = "out of memory"};
	if (keyring_parse(str_of(config->secret_keys), &problem, &keyring) != OK) {
		print_problem(NULL, &problem);
		return 1;
	}
	const struct store_options o = {.url = config->database,
	                                .clock = &clock_system,
	                                .queue_max = FORGET_QUEUE_MAX,
	                                .busy_timeout_ms = FORGET_BUSY_MS,
	                                .must_exist = true,
	                                .tell = print_problem};
	__cleanup(close_store) struct store *store = NULL;
	if (store_open(&o, &store) != OK) /* it has said why */
		return 1;
	return forget(store, keyring, str_of(argv[1]));
}
