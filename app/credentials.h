#pragma once
#include "credential/service.h"
#include "install/install.h"

namespace chengxin::app {

// What the credential service of an installation needs. Its keys are credential.sm2 and credential.p256 of
// keys/own_keys.h and are made when they are missing; keys/issuer.sm2.crt, when there is one, is the
// certificate of the former with those of its authorities. `address`: where the platform listens.
Result<credential::ServiceOptions> credential_options(const install::Installation& installation,
                                                      const std::string& address);

}  // namespace chengxin::app
