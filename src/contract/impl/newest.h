#pragma once
#include <algorithm>
#include <cstddef>

namespace chengxin::contract {

// Of a list with the newest first: at most so many, which hold at most so many bytes; the newest stays
// whatever it holds.
template <typename List, typename BytesOf>
void keep_newest(List& list, size_t most, size_t most_bytes, const BytesOf& bytes_of) {
  size_t count = 0, bytes = 0;
  const auto end = std::find_if(list.begin(), list.end(), [&](const auto& each) {
    bytes += bytes_of(each);
    return ++count > most || (count > 1 && bytes > most_bytes);
  });
  list.erase(end, list.end());
}

}  // namespace chengxin::contract
