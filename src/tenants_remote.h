/* tenants_remote.h - the verbs of `licgate tenants` that the running server does. */
#pragma once
#include "config/config.h"
#include "tenants_args.h"

/* Exit code; prints the answer or what went wrong. */
int tenants_remote(const struct config *config, const struct tenants_args *a);
