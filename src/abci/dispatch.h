#pragma once
#include <optional>

#include "abci/application.h"
#include "base/bytes.h"

namespace chengxin::abci {

// A request as it came, asked of the application. `failed` is the error that the response tells of as an
// Exception: of bytes that are no request (abci.request), or of the application.
struct Answer {
  pb::Response response;
  std::optional<Error> failed;
};
Answer answer(Application& application, ByteView request);

}  // namespace chengxin::abci
