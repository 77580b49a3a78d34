/* mailbox.c - see mailbox.h.
 *
 * Encoded words hold at most 45 bytes, cut between characters, so that each stays under the 75 characters RFC 2047
 * allows; several are folded one a line. */
#include "base/mailbox.h"

#include <string.h>

#include "base/b64.h"

enum { LOCAL_MAX = 64, ADDRESS_MAX = 254, LABEL_MAX = 63, LINE_MAX = 76, WORD_BYTES = 45, FOLD_AT = 70 };

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_atext(char c)
{
	return is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool local_ok(struct str s)
{
	if (s.len == 0 || s.len > LOCAL_MAX || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_atext(s.ptr[i]) && (s.ptr[i] != '.' || s.ptr[i - 1] == '.'))
			return false;
	return true;
}

static bool label_ok(struct str s)
{
	if (s.len == 0 || s.len > LABEL_MAX || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	return true;
}

static bool host_ok(struct str host)
{
	struct str rest = host, label;
	size_t labels = 0;
	while (str_split(&rest, '.', &label)) {
		if (!label_ok(label))
			return false;
		labels++;
	}
	return labels >= 2;
}

bool mailbox_address_plausible(struct str s)
{
	const size_t at = str_find(s, '@');
	if (at == 0 || at + 1 >= s.len || s.len > 320 || !str_printable(s) || !utf8_valid(s))
		return false;
	const struct str host = {s.ptr + at + 1, s.len - at - 1};
	for (size_t i = 0; i < s.len; i++)
		if (strchr("<>(),;:\"", s.ptr[i]))
			return false;
	return str_find(host, '@') == host.len && str_find(s, ' ') == s.len;
}

bool mailbox_address_ok(struct str s)
{
	const size_t at = str_find(s, '@');
	if (at == s.len || s.len > ADDRESS_MAX)
		return false;
	return local_ok((struct str){s.ptr, at}) && host_ok((struct str){s.ptr + at + 1, s.len - at - 1});
}

bool mailbox_parse(struct str text, struct mailbox *ret)
{
	struct mailbox m = {STR(""), str_trim(text)};
	const size_t open = str_find(text, '<');
	if (open < text.len) {
		m.name = str_trim((struct str){text.ptr, open});
		m.address = str_trim((struct str){text.ptr + open, text.len - open});
		if (m.address.len < 2 || !str_ends(m.address, STR(">")))
			return false;
		m.address = (struct str){m.address.ptr + 1, m.address.len - 2};
		if (m.name.len >= 2 && m.name.ptr[0] == '"' && str_ends(m.name, STR("\"")))
			m.name = (struct str){m.name.ptr + 1, m.name.len - 2};
	}
	if (!mailbox_address_ok(m.address) || !utf8_valid(m.name) || !str_printable(m.name) ||
	    str_find(m.name, '"') < m.name.len || str_find(m.name, '\\') < m.name.len)
		return false;
	*ret = m;
	return true;
}

/* ---- headers ---- */

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < ' ' || s.ptr[i] > '~')
			return false;
	/* what looks like an encoded word would be decoded */
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.ptr[i] == '=' && s.ptr[i + 1] == '?')
			return false;
	return true;
}

/* Blanks are where it may be folded; a word longer than a line is written as it is, up to RFC 5322's 998. */
static void add_folded(struct buf *out, size_t column, struct str text)
{
	struct str word;
	for (bool first = true; str_split(&text, ' ', &word); first = false) {
		if (!first && column + 1 + word.len > FOLD_AT && word.len > 0) {
			buf_z(out, "\r\n ");
			column = 1;
		} else if (!first) {
			buf_char(out, ' ');
			column++;
		}
		buf_str(out, word);
		column += word.len;
	}
}

/* Bytes of the next encoded word: whole characters. */
static size_t word_bytes(struct str text)
{
	size_t len = 0;
	while (len < text.len) {
		size_t next = utf8_sequence((struct str){text.ptr + len, text.len - len});
		if (next == 0)
			next = 1;
		if (len + next > WORD_BYTES)
			break;
		len += next;
	}
	return len;
}

static void add_encoded(struct buf *out, struct str text)
{
	char clean[WORD_BYTES];
	for (bool first = true; text.len > 0; first = false) {
		const size_t len = word_bytes(text);
		memcpy(clean, text.ptr, len);
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)clean[i] < ' ' || clean[i] == 0x7f)
				clean[i] = ' ';
		buf_z(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
		b64_encode(out, (const uint8_t *)clean, len);
		buf_z(out, "?=");
		text = (struct str){text.ptr + len, text.len - len};
	}
}

void header_text(struct buf *out, const char *name, struct str text)
{
	buf_printf(out, "%s: ", name);
	if (is_plain(text) && text.len < 900)
		add_folded(out, strlen(name) + 2, text);
	else
		add_encoded(out, text);
	buf_z(out, "\r\n");
}

void header_mailbox(struct buf *out, const char *name, struct str display, struct str address)
{
	buf_printf(out, "%s: ", name);
	if (display.len == 0) {
		buf_printf(out, "%.*s\r\n", STR_ARG(address));
		return;
	}
	bool quotable = is_plain(display) && display.len < FOLD_AT;
	for (size_t i = 0; i < display.len; i++)
		quotable = quotable && display.ptr[i] != '"' && display.ptr[i] != '\\';
	if (quotable)
		buf_printf(out, "\"%.*s\"", STR_ARG(display));
	else
		add_encoded(out, display);
	buf_printf(out, "\r\n <%.*s>\r\n", STR_ARG(address));
}

/* ---- body ---- */

static bool ends_line(struct str rest)
{
	return rest.len == 0 || rest.ptr[0] == '\n' || (rest.ptr[0] == '\r' && rest.len > 1 && rest.ptr[1] == '\n');
}

void quoted_printable(struct buf *out, struct str text)
{
	size_t column = 0;
	for (size_t i = 0; i < text.len; i++) {
		const char c = text.ptr[i];
		const struct str rest = {text.ptr + i + 1, text.len - i - 1};
		if (c == '\r' && rest.len > 0 && rest.ptr[0] == '\n')
			continue;
		if (c == '\n') {
			buf_z(out, "\r\n");
			column = 0;
			continue;
		}
		const bool blank = (c == ' ' || c == '\t') && !ends_line(rest);
		const bool literal = blank || (c > ' ' && c <= '~' && c != '=');
		if (column + (literal ? 1 : 3) > LINE_MAX - 1) {
			buf_z(out, "=\r\n");
			column = 0;
		}
		/* a dot at the start of a line is left to nobody's stuffing */
		const bool as_it_is = literal && !(c == '.' && column == 0);
		if (as_it_is)
			buf_char(out, c);
		else
			buf_printf(out, "=%02X", (unsigned char)c);
		column += as_it_is ? 1 : 3;
	}
	if (column > 0)
		buf_z(out, "\r\n");
}
