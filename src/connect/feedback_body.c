/* feedback_body.c - see feedback_body.h. */
#include "connect/feedback_body.h"

#include "base/json.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Line ends and tabs are the only control bytes a person types. */
static bool typed_text(struct str s, size_t *ret_characters)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if ((c < 0x20 && !blank(s.ptr[i])) || c == 0x7f)
			return false;
		n += (c & 0xc0) != 0x80;
	}
	*ret_characters = n;
	return true;
}

const char *feedback_read(const json_t *body, struct str *ret_message, bool *ret_consent)
{
	struct str message = STR("");
	bool consent = false;
	size_t characters = 0;
	if (json_get_str(body, "message", &message) != JSON_GOT)
		return "\"message\" is missing or not text.";
	if (json_get_bool(body, "account", &consent) == JSON_BAD_TYPE)
		return "\"account\" is neither true nor false.";
	while (message.len > 0 && blank(message.ptr[0]))
		message = (struct str){message.ptr + 1, message.len - 1};
	while (message.len > 0 && blank(message.ptr[message.len - 1]))
		message.len--;
	if (!typed_text(message, &characters))
		return "\"message\" has control characters.";
	if (characters == 0)
		return "\"message\" is empty.";
	if (characters > FEEDBACK_MAX)
		return "\"message\" has over 4,000 characters.";
	*ret_message = message;
	*ret_consent = consent;
	return NULL;
}
