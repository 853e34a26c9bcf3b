#pragma once
#include "api/route.h"

namespace chengxin::credential {
class Service;
}

namespace chengxin::api {
Resource credentials_resource();  // templates, issuing, states, verifying, DIDs, domains

// Work with the credential service, off the io threads. api.starting: it is not there yet.
using CredentialWork = std::function<Result<Response>(Call&, credential::Service&)>;
Handler with_credentials(CredentialWork work);
}  // namespace chengxin::api
