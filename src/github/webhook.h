/* webhook.h - is this delivery GitHub's? Pure. */
#pragma once
#include "base/str.h"

/* X-Hub-Signature-256 of the raw body: "sha256=" and 64 lower-case hexadecimal digits. Constant time; false without a
 * secret. */
bool github_signature_ok(struct str secret, struct str body, struct str signature);
