#pragma once
#include <optional>

#include "base/bytes.h"

// 256-bit words as the ABI has them: big-endian; signed ones in two's complement.
namespace chengxin::contract {

using Word = std::array<uint8_t, 32>;

Word word_of(size_t value);
std::optional<size_t> size_of(const Word& word);  // null: above size_t

// Whether it is the extension of a value of so many bits.
bool fits(const Word& word, uint32_t bits, bool is_signed);

// Decimal without leading zeros, plus sign or "-0"; null when it is not that or does not fit.
std::optional<Word> from_decimal(std::string_view digits, uint32_t bits, bool is_signed);
std::string to_decimal(Word word, bool is_signed);

bool is_utf8(std::string_view text);

}  // namespace chengxin::contract
