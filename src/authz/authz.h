/* authz.h - forward authentication: licgate as the gate of an app in any language, behind nginx, Traefik, Caddy, Envoy.
 * room is the struct connect. */
#pragma once
#include "connect/connect.h"
void authz_nginx(struct request *req, void *connect);
void authz_forward(struct request *req, void *connect);
void authz_envoy(struct request *req, void *connect);
