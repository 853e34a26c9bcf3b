#pragma once
#include <map>
#include <span>

#include "base/result.h"
#include "sql/database.h"

// Whose a record is and how confidential (GB/T 22239-2019 8.1.4.2 g): kept beside the records, by their ids.
// One without a label belongs to no organisation, so that only who sees all rows sees it.
namespace chengxin::access {

struct Label {
  std::string organisation;
  int level = 0;  // 0 to 9
};

// Blocks.
class Labels {
 public:
  explicit Labels(sql::Database& database) : database_(database) {}
  Result<std::map<std::string, Label>> find(std::span<const std::string> records) const;
  // Those that have one already are left alone: who adds a record says whose it is, once.
  Status add(std::span<const std::string> records, const Label& label);
  Status set(const std::string& record, const Label& label);

 private:
  sql::Database& database_;
};

}  // namespace chengxin::access
