/* report.h - asks each tenant's host, once a cycle, which of the accounts kept here are closed, and erases those.
 *
 * Started with the listeners; stopped after the outgoing client, so that no call is under way for long, and before the
 * look-ups and the store. */
#pragma once
#include "connect/connect.h"

enum err report_start(struct connect *c);
void report_stop(struct connect *c);
