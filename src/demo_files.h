/* demo_files.h - the files of a demo: a folder of its own under the temporary directory, gone at the end. */
#pragma once
#include "base/err.h"
#include "base/str.h"

/* Copies the pages of a static folder; those that load Atlassian's all.js get script (as assets/all.js) instead, since
 * a simulated site is no place where Atlassian's works. Tells what failed on stderr. */
enum err demo_static_copy(const char *from, const char *to, struct str script);
/* Removes a folder and all in it. */
void demo_remove(const char *dir);
