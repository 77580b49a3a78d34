/* mailbox.h - addresses of mail, and text in its headers (RFC 5322, RFC 2047).
 *
 * Strict where licgate writes: an address is ASCII, `local@host.name` without quotes or comments, so that nothing of
 * it can end a header or an SMTP command. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct mailbox {
	struct str name, address; /* pieces of the text; name may be empty and is UTF-8 */
};
/* Something before and behind one '@', no blanks, no control bytes, nothing that stands around an address in a text
 * ("<", ",", ":" …): enough to look for it. */
bool mailbox_address_plausible(struct str text);
/* An address that mail may be sent to: up to 64 bytes, '@', a host name with a dot; nothing else but letters, digits
 * and what RFC 5322 calls atext. */
bool mailbox_address_ok(struct str text);
/* `Name <local@host>`, `"Name" <local@host>` or `local@host`. False: neither, or control bytes or bad UTF-8 in the
 * name. */
bool mailbox_parse(struct str text, struct mailbox *ret);
/* A header line with its CRLF, folded; text that is not plain ASCII becomes encoded words. Control bytes become
 * blanks. name: a literal. */
void header_text(struct buf *out, const char *name, struct str text);
/* `Name <address>` as a header line. */
void header_mailbox(struct buf *out, const char *name, struct str display, struct str address);
/* The body, quoted-printable (RFC 2045, 6.7), lines of up to 76 characters ended by CRLF. */
void quoted_printable(struct buf *out, struct str text);
