/* fuzz_report.c - a report of the Marketplace: any bytes give rows, broken elements, or an array that is not whole.
 *
 * The first byte picks the report and how many bytes a read gives. Checked: what is kept of a row is strict JSON that
 * jansson reads, without an address, of any name; the same content compared with itself does not differ. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "market/diff.h"
#include "market/scan.h"

struct source {
	const char *data;
	size_t left, step;
};

static ssize_t read_some(void *arg, char *into, size_t room)
{
	struct source *s = arg;
	size_t n = s->left < s->step ? s->left : s->step;
	n = n < room ? n : room;
	memcpy(into, s->data, n);
	s->data += n;
	s->left -= n;
	return (ssize_t)n;
}

static bool holds_address(struct str s)
{
	for (size_t i = 1; i + 1 < s.len; i++)
		if (s.ptr[i] == '@' && (unsigned char)s.ptr[i - 1] > ' ' && (unsigned char)s.ptr[i + 1] > ' ' &&
		    s.ptr[i - 1] != '"' && s.ptr[i + 1] != '"')
			return true;
	return false;
}

static void check(struct tree *t, enum row_kind kind, struct str element)
{
	struct arena arena;
	struct row row;
	struct diff d = {0};
	struct buf diff = BUF_INIT(1 << 20);
	arena_init(&arena, 64 << 20);
	if (row_read(t, kind, element, &arena, &row) == OK) {
		const struct str content = row_content(&row)->text;
		json_t *root = NULL;
		assert(json_read_object(content, &root) == OK);
		assert(!memchr(content.ptr, '\0', content.len) && utf8_valid(content) && !holds_address(content));
		json_decref(root);
		assert(diff_write(content, content, &diff, &d) == OK && d.count == 0 && diff.len == 0);
		const struct str key = kind == ROW_LICENSE ? row.license.row_key : row.sale.transaction_id;
		assert(key.len > 0 && !memchr(key.ptr, '\0', key.len));
	}
	buf_release(&diff);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scanner *s = NULL;
	struct str element;
	struct tree tree;
	if (size == 0 || !crypto_init())
		return 0;
	const enum row_kind kind = data[0] & 1 ? ROW_SALE : ROW_LICENSE;
	struct source source = {(const char *)data + 1, size - 1, 1 + (size_t)(data[0] >> 1)};
	if (scanner_new(read_some, &source, &s) != OK)
		return 0;
	tree_init(&tree);
	for (enum scan got; (got = scanner_next(s, &element)) == SCAN_ELEMENT || got == SCAN_TOO_LARGE;)
		if (got == SCAN_ELEMENT) {
			char *copy = malloc(element.len); /* exact, so that a read past the end is seen */
			assert(copy);
			memcpy(copy, element.ptr, element.len);
			check(&tree, kind, (struct str){copy, element.len});
			free(copy);
		}
	tree_release(&tree);
	scanner_free(s);
	return 0;
}
