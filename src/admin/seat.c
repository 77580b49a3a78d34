/* seat.c - the operator frees a seat. */
#include "admin/parts.h"
#include "connect/seat_reply.h"

void admin_seat_delete(struct request *req, void *room)
{
	const struct admin *a = room;
	if (tenant_of_path(req, a))
		seat_free_reply(req, a->connect->lookups, req->params.part[1], "operator");
}
