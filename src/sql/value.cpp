#include "sql/value.h"

namespace chengxin::sql {

Param::Param(const Value& value) : type(value.type()) {
  if (type == Type::integer) integer = value.integer();
  if (type == Type::text) bytes = value.text();
  if (type == Type::blob) bytes = chengxin::text(value.blob());
}

void Batch::keep(Param param) {
  constexpr size_t kBlockBytes = 64 << 10;
  if (!param.bytes.empty()) {
    if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < param.bytes.size())
      blocks_.emplace_back().reserve(std::max(kBlockBytes, param.bytes.size()));
    std::string& block = blocks_.back();
    size_t at = block.size();
    block.append(param.bytes);
    param.bytes = std::string_view(block).substr(at);
  }
  bytes_ += param.bytes.size() + sizeof(Param);
  params_.push_back(param);
}

void Batch::clear() {
  width_ = bytes_ = 0;
  params_.clear();
  blocks_.clear();
}

}  // namespace chengxin::sql
