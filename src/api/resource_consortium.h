#pragma once
#include "api/route.h"

namespace chengxin::api {
// This node's organisation and the consortia it is in: identity, invitations, joining, proposals and votes,
// offers of chains, the table of nodes.
Resource consortium_resource();
}  // namespace chengxin::api
