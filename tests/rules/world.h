#pragma once
#include <random>

#include "rules/typed.h"
#include "sql/database.h"

// Rows of a small application, at random: in tables, and as the data of rules.
namespace chengxin::rules::world {

using Random = std::mt19937_64;

extern const Json kEnvironment, kMapping;

// Of all rules: what they read besides the row.
Json variables(Random& random);

// Fills the tables anew with so many manifests; the data of each by its id, from 1.
Result<std::vector<Json>> fill(sql::Database& database, Random& random, int count);
Status create(sql::Database& database);

}  // namespace chengxin::rules::world
