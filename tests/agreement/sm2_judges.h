#pragma once
#include <map>
#include <vector>

#include "sm2/impl/engine.h"
#include "sm2_cases.h"

// What is judged: the engines by themselves, each in its three ways, and the Verifier above them.
namespace chengxin::sm2::agreement {

std::vector<Path> available_paths();

// 64-byte aligned memory for `count` tables of a tier, and the tables of these keys in it.
class Tables {
 public:
  Tables(const impl::Engine& engine, impl::Tier tier, std::span<const Point> keys);
  // Null when it is no key.
  const uint8_t* of(const Point& key) const;

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t, Free> memory_;
  std::map<Point, const uint8_t*> tables_;
};

impl::Number number_of(const Number& bytes);
impl::Question question_of(const Case& one);

struct Verdicts {
  std::string judge;
  std::vector<uint8_t> verdicts;
  std::vector<uint8_t> asked;  // 0 where this judge was not asked
};

// All ways of a path over these cases. Batches are of drawn sizes. Large tables are made for keys that
// repeat, and for one in `lonely_share` of the others.
class Judge {
 public:
  // The Verifier is what lies above all engines: `with_verifier` may leave it to one of them.
  explicit Judge(Path path, bool with_verifier = true);
  std::vector<Verdicts> judge(std::span<const Case> cases, uint64_t seed, size_t lonely_share = 16) const;

 private:
  Verdicts unknown(std::span<const Case> cases, Random& random) const;
  Verdicts known(std::span<const Case> cases, impl::Tier tier, Random& random, size_t lonely_share) const;
  Verdicts verifier(std::span<const Case> cases, const char* when) const;

  const Path path_;
  const impl::Engine& engine_;
  const bool with_verifier_;
  Verifier verifier_;
};

}  // namespace chengxin::sm2::agreement
