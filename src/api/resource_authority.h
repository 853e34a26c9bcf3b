#pragma once
#include "api/route.h"

namespace chengxin::api {

// The certificate authority of the installation, and outside ones that it trusts (src/authority). Lists,
// status and the authority's own certificates are open, as RFC 5280 and RFC 6960 have it.
Resource authority_resource();

}  // namespace chengxin::api
