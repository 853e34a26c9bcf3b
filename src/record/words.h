#pragma once
#include "record/rows.h"

// Full text, the same on both databases (ADR 0055): the words of a record are tokens in its column `words`,
// made here. A token is the two digits of its field and then either a word of Latin letters and digits in
// lower case (its first 64 bytes), or two ideographs that stand next to each other, or the last ideograph of
// a run. So a text of ideographs is found by its pairs in a row, and a single one as how a token begins.
namespace chengxin::record {

// At most so many tokens of a record are indexed: positions of a tsvector end at 16,383.
constexpr size_t kMostTokens = 16'000;

// What column `words` of a record holds; of the fields that its layout says are searched.
std::string words_of(const pack::Layout& layout, const Stored& record, sql::Dialect dialect);

// Each word of `asked` stands in one of these fields, by their places in Layout::searched.
struct WordsQuery {
  std::string match;               // of FTS5, or a tsquery
  std::string text;                // the same of SQLite's t.words, without the index
  std::vector<sql::Value> values;  // of that
};
// nullopt: there is no word in what is asked for.
std::optional<WordsQuery> words_query(std::string_view asked, std::span<const size_t> fields,
                                      sql::Dialect dialect);

// The name of the index of an entity's table, and what makes it and drops it.
std::string words_index(const std::string& table);
std::string make_words_index(const std::string& table, sql::Dialect dialect);
std::string drop_words_index(const std::string& table, sql::Dialect dialect);

}  // namespace chengxin::record
