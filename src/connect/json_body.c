/* json_body.c - see json_body.h. RFC 9110, 8.3: type and subtype ignore case, parameters follow a semicolon. */
#include "connect/json_body.h"

#include "http/reply.h"

bool json_body_required(struct request *req)
{
	struct str type = request_header(req, "Content-Type");
	type.len = str_find(type, ';');
	if (request_header_count(req, "Content-Type") == 1 && str_ieq(str_trim(type), STR("application/json")))
		return true;
	req->code = "not_json";
	reply_problem(req, 415, "unsupported_media_type", "Send the body as application/json.", NULL, 0);
	return false;
}
