/* print.c - settings as people read them: what is in force, and the table of what there is. See config.h. */
#include "base/log.h"
#include "config/settings.h"

static void print_list(char *const *list, struct buf *out)
{
	for (size_t i = 0; list[i]; i++) {
		buf_z(out, i ? "," : "");
		buf_z(out, list[i]);
	}
}

static void print_cidrs(const struct cidrs *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		char text[IP_TEXT_SIZE];
		ip_text(list->at[i].addr, text);
		bool v6 = str_find(str_of(text), ':') < str_of(text).len;
		/* A prefix shorter than 96 bits clears part of the mapping, so the address is not written as IPv4. */
		unsigned bits = v6 ? list->at[i].prefix_bits : list->at[i].prefix_bits - 96;
		buf_printf(out, "%s%s/%u", i ? "," : "", text, bits);
	}
}

static void print_value(const struct setting *s, const void *value, struct buf *out)
{
	static const char *const levels[] = {
	    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
	switch (s->type) {
	case SETTING_STR:
	case SETTING_URL:
	case SETTING_ADDR:
		buf_z(out, *(char *const *)value ? *(char *const *)value : "(not set)");
		break;
	case SETTING_SECRET:
	case SETTING_PEM:
		buf_z(out, *(char *const *)value ? "***" : "(not set)");
		break;
	case SETTING_URLS:
	case SETTING_HOSTS:
		print_list(*(char **const *)value, out);
		break;
	case SETTING_CIDRS:
		print_cidrs(value, out);
		break;
	case SETTING_INT:
		buf_int(out, *(const int64_t *)value);
		break;
	case SETTING_BOOL:
		buf_z(out, *(const bool *)value ? "1" : "0");
		break;
	case SETTING_LEVEL:
		buf_z(out, levels[*(const int *)value]);
		break;
	}
}

void config_print(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < settings_count; i++) {
		buf_printf(out, "%s=", settings[i].name);
		print_value(&settings[i], setting_value(c, &settings[i]), out);
		buf_char(out, '\n');
	}
}

void config_print_table(struct buf *out)
{
	buf_z(out, "| name | default | meaning |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];
		buf_printf(out, "| `%s` | ", s->name);
		if (s->default_text && s->default_text[0])
			buf_printf(out, "`%s`", s->default_text);
		else
			buf_z(out, s->required ? "required" : "none");
		buf_printf(out, " | %s |\n", s->meaning);
	}
}
