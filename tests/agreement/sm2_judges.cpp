#include "sm2_judges.h"

#include "base/check.h"

namespace chengxin::sm2::agreement {

using impl::Tier;

std::vector<Path> available_paths() {
  std::vector<Path> out;
  for (Path path : kPaths)
    if (available(path)) out.push_back(path);
  return out;
}

Tables::Tables(const impl::Engine& engine, Tier tier, std::span<const Point> keys) {
  const size_t size = (engine.table_bytes(tier) + 63) / 64 * 64;
  memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(64, std::max<size_t>(size * keys.size(), 64))));
  std::vector<impl::Affine> affine;
  std::vector<uint8_t*> places;
  for (const Point& key : keys) {
    affine.push_back({number_of(x_of(key)), number_of(y_of(key))});
    places.push_back(memory_.get() + size * places.size());
  }
  std::vector<uint8_t> good(keys.size());
  engine.build(tier, affine, places.data(), good.data());
  for (size_t i = 0; i < keys.size(); ++i)
    if (good[i]) tables_[keys[i]] = places[i];
}

const uint8_t* Tables::of(const Point& key) const {
  auto at = tables_.find(key);
  return at == tables_.end() ? nullptr : at->second;
}

impl::Number number_of(const Number& bytes) {
  impl::Number out;
  for (int i = 0; i < 4; ++i) out.limb[i] = get_be<uint64_t>(bytes.data() + 24 - 8 * i);
  return out;
}

impl::Question question_of(const Case& one) {
  return {number_of(one.r()),
          number_of(one.s()),
          number_of(one.e),
          {number_of(x_of(one.key)), number_of(y_of(one.key))},
          nullptr};
}

namespace {

size_t next_batch(Random& random) {
  const size_t sizes[] = {1 + random.below(17), 1 + random.below(17), 64, 256, 1 + random.below(700)};
  return sizes[random.below(std::size(sizes))];
}

// Asks in batches of drawn sizes; answers go to the places of the questions.
template <typename Ask>
void in_batches(const std::vector<impl::Question>& questions, const std::vector<size_t>& places,
                Random& random, std::vector<uint8_t>& verdicts, Ask&& ask) {
  for (size_t from = 0; from < questions.size();) {
    const size_t count = std::min(next_batch(random), questions.size() - from);
    std::vector<uint8_t> answer(count + 1,
                                0xaa);  // what is not written must be noticed, and what is too much
    ask(std::span(questions).subspan(from, count), answer.data());
    CHECK(answer[count] == 0xaa);
    for (size_t i = 0; i < count; ++i) verdicts[places[from + i]] = answer[i];
    from += count;
  }
}

}  // namespace

Judge::Judge(Path path, bool with_verifier)
    : path_(path),
      engine_(*impl::engine_of(path)),
      with_verifier_(with_verifier),
      verifier_(
          {.path = path, .table_bytes = 96 << 20, .small_after = 3, .large_after = 30, .background = false}) {
}

std::vector<Verdicts> Judge::judge(std::span<const Case> cases, uint64_t seed, size_t lonely_share) const {
  Random random(seed);
  std::vector<Verdicts> out;
  out.push_back(unknown(cases, random));
  for (Tier tier : {Tier::small, Tier::large}) out.push_back(known(cases, tier, random, lonely_share));
  if (!with_verifier_) return out;
  out.push_back(verifier(cases, "verifier"));
  verifier_.build_tables(SIZE_MAX);
  out.push_back(verifier(cases, "verifier with tables"));
  return out;
}

Verdicts Judge::unknown(std::span<const Case> cases, Random& random) const {
  Verdicts out{fmt::format("{} unknown", name(path_)), std::vector<uint8_t>(cases.size()),
               std::vector<uint8_t>(cases.size())};
  std::vector<impl::Question> questions;
  std::vector<size_t> places;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].key[0] != 4) continue;  // an engine is asked about coordinates
    out.asked[i] = 1;
    questions.push_back(question_of(cases[i]));
    places.push_back(i);
  }
  in_batches(questions, places, random, out.verdicts,
             [&](auto some, uint8_t* verdicts) { engine_.verify_unknown(some, verdicts); });
  return out;
}

Verdicts Judge::known(std::span<const Case> cases, Tier tier, Random& random, size_t lonely_share) const {
  Verdicts out{fmt::format("{} {}", name(path_), tier == Tier::small ? "small" : "large"),
               std::vector<uint8_t>(cases.size()), std::vector<uint8_t>(cases.size())};
  std::map<Point, size_t> uses;
  for (const Case& one : cases) ++uses[one.key];
  std::vector<Point> keys;
  for (auto [key, times] : uses)
    if (key[0] == 4 && (tier == Tier::small || times > 4 || random.below(lonely_share) == 0))
      keys.push_back(key);
  const std::map<Point, bool> chosen = [&] {
    std::map<Point, bool> set;
    for (const Point& key : keys) set[key] = true;
    return set;
  }();
  const Tables tables(engine_, tier, keys);
  std::vector<impl::Question> questions;
  std::vector<size_t> places;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (!chosen.count(cases[i].key)) continue;
    out.asked[i] = 1;  // a key without a table has signed nothing: the verdict stays 0
    impl::Question question = question_of(cases[i]);
    question.table = tables.of(cases[i].key);
    question.key = {};
    if (!question.table) continue;
    questions.push_back(question);
    places.push_back(i);
  }
  in_batches(questions, places, random, out.verdicts,
             [&](auto some, uint8_t* verdicts) { engine_.verify_known(tier, some, verdicts); });
  return out;
}

Verdicts Judge::verifier(std::span<const Case> cases, const char* when) const {
  Verdicts out{fmt::format("{} {}", name(path_), when), std::vector<uint8_t>(cases.size(), 0xaa),
               std::vector<uint8_t>(cases.size(), 1)};
  std::vector<DigestCheck> checks;
  for (const Case& one : cases) checks.push_back({&one.key, &one.signature, one.e});
  verifier_.verify(checks, out.verdicts);
  return out;
}

}  // namespace chengxin::sm2::agreement
