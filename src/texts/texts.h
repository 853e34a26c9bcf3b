#pragma once
#include <string_view>
#include <vector>

// What a reason key (result.h) says to people: texts/reasons.<language>.tsv, compiled in.
namespace chengxin::texts {

enum class Language { zh, en };

// The text of a reason key, or the key itself when the file lacks it.
std::string_view reason(std::string_view key, Language language);

// Every key of the language's file, in its order.
std::vector<std::string_view> keys(Language language);

}  // namespace chengxin::texts
