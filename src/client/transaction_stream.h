#pragma once
#include <optional>

#include "client/client.h"

// Submits transactions in a stream (docs/formats/stream.md).
namespace chengxin::client {

struct StreamResult {
  uint64_t index = 0;
  std::string reason, detail;  // when it is in no block
  Digest transaction{};        // when it is
  uint64_t height = 0;
  uint32_t status = 0;
};

struct StreamSummary {
  uint64_t accepted = 0, failed = 0, rejected = 0, bytes = 0;
  std::string reason, detail;  // why the platform ended it before its body did
};

enum class StreamForm { lines, binary };  // of what is sent; results come in the same

// `on_result` is called as results come. client.protocol when the answer is none of ours or has no end.
Result<StreamSummary> stream_transactions(Client& platform, const std::string& chain, StreamForm form,
                                          const Client::Supply& supply,
                                          const std::function<void(const StreamResult&)>& on_result);

}  // namespace chengxin::client
