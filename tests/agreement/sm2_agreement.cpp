#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <future>
#include <random>

#include "crypto/sm3.h"
#include "sm2/exceptional.h"
#include "sm2/sign.h"
#include "sm2_judges.h"
#include "sm2_oracles.h"
#include "sm3/sm3.h"

// Every path of src/sm2 and src/sm3 against Tongsuo and gmsm, on random cases and on those that aim at a weak
// place.
//
//   sm2_agreement_test [--cases N] [--seed S]    a million: --cases 1000000
//   sm2_agreement_test --seed S --case N         one of them again, with all of its numbers
namespace chengxin::sm2::agreement {
namespace {

struct Settings {
  size_t cases = 6'000;
  uint64_t seed = std::random_device{}();
  std::optional<size_t> only;
  bool many() const { return cases >= 100'000; }
} settings;

Gmsm& gmsm() {
  static Gmsm instance(true);
  return instance;
}
Gmsm& portable_gmsm() {
  static Gmsm instance(false);
  return instance;
}

struct Count {
  size_t held = 0, failed = 0;
};

class Agreement {
 public:
  // The libraries agree on these cases, and every judge with them.
  void over(std::span<const Case> cases) {
    const auto tongsuo = ask_tongsuo(cases), other = gmsm().verify(cases);
    ASSERT_EQ(other.size(), cases.size()) << "gmsm is gone";
    std::vector<uint8_t> right(cases.size());
    for (size_t i = 0; i < cases.size(); ++i) {
      right[i] = tongsuo[i];
      if (tongsuo[i] != other[i]) right[i] = between(cases[i], tongsuo[i], other[i]);
      if (cases[i].expected && *cases[i].expected != bool(right[i]))
        report(cases[i], "the libraries", right[i], *cases[i].expected);
      Count& count = counts_[cases[i].family];
      ++(right[i] ? count.held : count.failed);
    }
    std::vector<std::future<std::vector<Verdicts>>> running;
    for (const Judge& judge : judges_)
      running.push_back(std::async(std::launch::async,
                                   [&] { return judge.judge(cases, settings.seed + cases[0].number); }));
    for (auto& one : running)
      for (const Verdicts& verdicts : one.get()) compare(cases, right, verdicts);
  }

  void print() const {
    for (auto& [family, count] : counts_)
      std::printf("%-26s %8zu hold %8zu do not\n", family.c_str(), count.held, count.failed);
    for (auto& [judge, count] : asked_) std::printf("%-34s asked %zu\n", judge.c_str(), count);
    if (disputes_) std::printf("%zu cases on which the libraries were of two minds\n", disputes_);
  }
  const std::map<std::string, Count>& counts() const { return counts_; }
  size_t mismatches() const { return mismatches_; }

 private:
  // Where the two differ, gmsm's code without assembly and Tongsuo's without code for this curve must be of
  // one mind.
  bool between(const Case& one, bool tongsuo, bool other) {
    const bool third = ask_generic(one),
               fourth = portable_gmsm().verify({&one, 1}) == std::vector<uint8_t>{1};
    if (third != fourth) report(one, "gmsm without assembly", fourth, third);
    if (++disputes_ <= 3)
      std::printf("Tongsuo says %d, gmsm %d, generic arithmetic %d, gmsm without assembly %d\n%s\n", tongsuo,
                  other, third, fourth, describe(one).c_str());
    return third;
  }

  void compare(std::span<const Case> cases, const std::vector<uint8_t>& right, const Verdicts& found) {
    for (size_t i = 0; i < cases.size(); ++i) {
      asked_[found.judge] += found.asked[i];
      if (found.asked[i] && found.verdicts[i] != right[i])
        report(cases[i], found.judge, found.verdicts[i], right[i]);
    }
  }

  void report(const Case& one, const std::string& who, int said, int right) {
    if (++mismatches_ <= 20)
      ADD_FAILURE() << who << " said " << said << ", right is " << right << "\nseed " << settings.seed << ' '
                    << describe(one);
  }

  std::deque<Judge> judges_ = [] {
    std::deque<Judge> out;
    for (Path path : available_paths()) out.emplace_back(path, !settings.many() || path == best_path());
    return out;
  }();
  std::map<std::string, Count> counts_;
  std::map<std::string, size_t> asked_;
  size_t mismatches_ = 0, disputes_ = 0;
};

std::vector<Case> make_cases(size_t from, size_t to) {
  std::vector<Case> out(to - from);
  const size_t half = out.size() / 2;
  auto fill = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) out[i] = make_case(settings.seed, from + i);
  };
  auto second = std::async(std::launch::async, fill, half, out.size());
  fill(0, half);
  second.get();
  return out;
}

class Sm2Agreement : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(gmsm().runs()) << "tests/oracle/gmsm could not be built: Go 1.25 or newer must be in PATH";
  }
};

TEST_F(Sm2Agreement, EveryPathAgreesWithBothLibraries) {
  Agreement agreement;
  const auto started = std::chrono::steady_clock::now();
  if (settings.only) {
    const Case one = make_case(settings.seed, *settings.only);
    std::printf("%s\n", describe(one).c_str());
    agreement.over(std::span(&one, 1));
    agreement.print();
    return;
  }
  for (size_t from = 0; from < settings.cases; from += kNeighbours) {
    agreement.over(make_cases(from, std::min(from + kNeighbours, settings.cases)));
    if (HasFatalFailure()) return;
    if (settings.many() && from / kNeighbours % 16 == 0) {
      const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
      std::printf("%zu of %zu, %.0f s, %zu mismatches\n", std::min(from + kNeighbours, settings.cases),
                  settings.cases, passed, agreement.mismatches());
      std::fflush(stdout);
    }
  }
  agreement.print();
  EXPECT_EQ(agreement.counts().size(), family_count());
  for (auto& [family, count] : agreement.counts())
    EXPECT_GT(count.held + count.failed, settings.cases / 100) << family;
  EXPECT_EQ(agreement.mismatches(), 0u);
}

// One odd case at every place of a batch of every size, and the other way round.
class Lanes {
 public:
  Lanes() {
    for (uint64_t i = 0; i < 18; ++i) {
      keys_.push_back(secret_of(random_.scalar()));
      good_.push_back(fitted(keys_.back().point, random_.scalar(), random_.scalar(), true));
    }
    Case wrong = good_[0];
    wrong.e[31] ^= 1;
    add("wrong digest", wrong, false);
    Case range = good_[1];
    std::fill_n(range.signature.begin(), 32, 0);
    add("r = 0", range, false);
    range = good_[1];
    std::fill_n(range.signature.begin() + 32, 32, 0xff);
    add("s above n", range, false);
    Case key = good_[2];
    key.key[64] ^= 1;
    add("off the curve", key, false);
    // t·P is s·G, or its negative.
    const Secret three = secret_of(small(3)), minus_three = secret_of(negative(small(3)));
    const Number t = random_.scalar(), s = times(t, three.d);
    add("s·G + s·G", fitted(three.point, s, t, true), true);
    add("s·G - s·G", fitted(minus_three.point, s, t, false), false);
    add("beside infinity", fitted(minus_three.point, plus(s, small(1)), t, true), true);
  }

  struct Odd {
    std::string name;
    Case one;
    bool holds;
  };
  const std::vector<Odd>& odd() const { return odd_; }
  const std::vector<Case>& good() const { return good_; }
  std::vector<Point> keys() const {
    std::vector<Point> out;
    for (const Case& one : good_) out.push_back(one.key);
    for (const Odd& one : odd_) out.push_back(one.one.key);
    return out;
  }

 private:
  void add(const char* name, const Case& one, bool holds) { odd_.push_back({name, one, holds}); }
  Case fitted(const Point& key, const Number& s, const Number& t, bool holds) {
    Case out;
    out.key = key;
    if (auto found = fit(key, s, t)) {
      out.signature = found->signature;
      out.e = found->e;
    } else {  // at infinity
      EXPECT_FALSE(holds);
      std::copy(s.begin(), s.end(), out.signature.begin() + 32);
      const Number r = minus(t, s);
      std::copy(r.begin(), r.end(), out.signature.begin());
      out.e = r;
    }
    return out;
  }

  Random random_{settings.seed};
  std::vector<Secret> keys_;
  std::vector<Case> good_;
  std::vector<Odd> odd_;
};

TEST_F(Sm2Agreement, LanesDoNotTouchEachOther) {
  const Lanes lanes;
  for (Path path : available_paths()) {
    const impl::Engine& engine = *impl::engine_of(path);
    const size_t most = path == Path::ifma ? 17 : 5;
    std::vector<std::optional<Tables>> tables(3);
    for (impl::Tier tier : {impl::Tier::small, impl::Tier::large})
      tables[1 + int(tier)].emplace(engine, tier, lanes.keys());
    auto ask = [&](size_t kind, std::span<const Case> cases) {
      std::vector<impl::Question> questions;
      for (const Case& one : cases) {
        questions.push_back(question_of(one));
        if (kind) questions.back().table = tables[kind]->of(one.key);
      }
      std::vector<uint8_t> out(cases.size(), 0xaa);
      if (kind)
        engine.verify_known(impl::Tier(kind - 1), questions, out.data());
      else
        engine.verify_unknown(questions, out.data());
      return out;
    };
    for (size_t kind = 0; kind < 3; ++kind)
      for (const Lanes::Odd& odd : lanes.odd()) {
        if (kind && !tables[kind]->of(odd.one.key)) continue;  // no table of what is no key
        for (size_t count = 1; count <= most; ++count)
          for (size_t place = 0; place < count; ++place) {
            std::vector<Case> cases(lanes.good().begin(), lanes.good().begin() + long(count));
            std::vector<uint8_t> right(count, 1);
            cases[place] = odd.one;
            right[place] = odd.holds;
            ASSERT_EQ(ask(kind, cases), right) << name(path) << " kind " << kind << ", " << odd.name << " at "
                                               << place << " of " << count << ", seed " << settings.seed;
            std::vector<Case> others(count, odd.one);
            std::fill(right.begin(), right.end(), odd.holds);
            others[place] = lanes.good()[place];
            right[place] = 1;
            ASSERT_EQ(ask(kind, others), right)
                << name(path) << " kind " << kind << ", all but " << place << " of " << count << " "
                << odd.name << ", seed " << settings.seed;
          }
      }
  }
}

// Additions of a point to itself or to its negative, at every step of every path's own walk: alone, and among
// others.
TEST_F(Sm2Agreement, CollisionsAtEveryStep) {
  std::mt19937_64 random(settings.seed);
  for (Path path : available_paths())
    for (Meeting meeting : {Meeting::unknown, Meeting::small_table, Meeting::large_table}) {
      std::vector<Case> cases;
      for (size_t step = 0; step < exceptional_steps(path, meeting); step += settings.many() ? 1 : 2) {
        const auto first = make_exceptional(path, meeting, step, random);
        for (const Exceptional& made : more_exceptional(path, meeting, first, 3, random))
          cases.push_back({step, "collision", made.key, made.signature, made.e, true});
        cases.push_back(cases.back());
        cases.back().e[9] ^= 4;
        cases.back().expected = false;
      }
      for (size_t i = cases.size(); i-- > cases.size() / 2;)  // the second half among good ones
        cases.insert(cases.begin() + long(i), make_case(settings.seed, i));
      const auto tongsuo = ask_tongsuo(cases);
      for (const Verdicts& found : Judge(path).judge(cases, settings.seed, 1))
        for (size_t i = 0; i < cases.size(); ++i) {
          ASSERT_EQ(tongsuo[i], cases[i].expected.value_or(tongsuo[i]));
          if (!found.asked[i]) continue;
          ASSERT_EQ(found.verdicts[i], tongsuo[i])
              << found.judge << " seed " << settings.seed << ' ' << describe(cases[i]);
        }
    }
}

// The same for a signature that comes alone, whose walk may be another.
TEST_F(Sm2Agreement, CollisionsOfOneAlone) {
  std::mt19937_64 random(settings.seed);
  for (Path path : available_paths())
    for (Meeting meeting : {Meeting::small_alone, Meeting::large_alone}) {
      const auto tier = meeting == Meeting::small_alone ? impl::Tier::small : impl::Tier::large;
      const impl::Engine& engine = *impl::engine_of(path);
      for (size_t step = 0; step < exceptional_steps(path, meeting); step += settings.many() ? 1 : 3) {
        const auto made = make_exceptional(path, meeting, step, random);
        const Case one{step, "collision", made.key, made.signature, made.e, true};
        const Tables tables(engine, tier, {&one.key, 1});
        std::vector<impl::Question> questions(2, question_of(one));
        for (impl::Question& question : questions) question.table = tables.of(one.key);
        std::vector<uint8_t> verdicts(3, 0xaa);
        engine.verify_known(tier, std::span(questions).first(1), verdicts.data());
        engine.verify_known(tier, questions, verdicts.data() + 1);
        ASSERT_EQ(ask_tongsuo({&one, 1}), std::vector<uint8_t>{1}) << describe(one);
        ASSERT_EQ(verdicts, std::vector<uint8_t>(3, 1))
            << name(path) << " step " << step << ' ' << describe(one);
      }
    }
}

TEST_F(Sm2Agreement, OurSignaturesHoldInBothLibraries) {
  const size_t count = settings.many() ? 20'000 : 600;
  Random random(settings.seed);
  for (Path path : available_paths()) {
    std::vector<Case> cases;
    while (cases.size() < count) {
      Number d = random.scalar();
      if (cases.size() % 7 == 0) d = small(1 + random.below(5));
      if (cases.size() % 11 == 0) d = minus(small(0), small(2 + random.below(5)));  // up to n - 2
      auto signer = Signer::from_scalar(d, path);
      ASSERT_TRUE(signer) << hex(d);
      ASSERT_EQ(hex(signer->public_key()), hex(secret_of(d).point));
      std::vector<Digest> digests(9);
      std::vector<Entropy> entropy(9);
      std::vector<Signature> signatures(9);
      for (size_t i = 0; i < 9; ++i) digests[i] = random.bits(), entropy[i] = random.bits();
      digests[0].fill(0), digests[1].fill(0xff), digests[2] = order();
      ASSERT_TRUE(signer->sign_many(digests, entropy, signatures));
      for (size_t i = 0; i < 9; ++i) {
        Case one{cases.size(), "signed", signer->public_key(), signatures[i], digests[i], true};
        cases.push_back(one);
        if (i % 3 == 0) {
          auto alone = signer->sign(digests[i], entropy[i]);
          ASSERT_TRUE(alone);
          EXPECT_EQ(hex(*alone), hex(signatures[i])) << "alone or among others, the nonce is the same";
        }
      }
    }
    EXPECT_EQ(ask_tongsuo(cases), std::vector<uint8_t>(cases.size(), 1))
        << name(path) << " seed " << settings.seed;
    EXPECT_EQ(gmsm().verify(cases), std::vector<uint8_t>(cases.size(), 1))
        << name(path) << " seed " << settings.seed;
  }
}

TEST_F(Sm2Agreement, SignaturesOfBothLibrariesHoldHere) {
  const size_t count = settings.many() ? 20'000 : 1'000;
  Random random(settings.seed);
  std::vector<Number> secrets(count);
  std::vector<Digest> digests(count);
  std::vector<Point> keys(count);
  for (size_t i = 0; i < count; ++i) {
    secrets[i] = i % 8 ? secrets[i - 1] : random.scalar();
    keys[i] = i % 8 ? keys[i - 1] : secret_of(secrets[i]).point;
    digests[i] = random.bits();
  }
  const auto theirs = gmsm().sign(secrets, digests);
  ASSERT_EQ(theirs.size(), count);
  std::vector<Case> cases;
  for (size_t i = 0; i < count; ++i) {
    cases.push_back({2 * i, "gmsm", keys[i], theirs[i], digests[i], true});
    cases.push_back(
        {2 * i + 1, "Tongsuo", keys[i], tongsuo_sign(secrets[i], keys[i], digests[i]), digests[i], true});
  }
  for (Path path : available_paths())
    for (const Verdicts& found : Judge(path).judge(cases, settings.seed, 100))
      for (size_t i = 0; i < cases.size(); ++i)
        ASSERT_TRUE(found.verdicts[i] || !found.asked[i])
            << found.judge << " seed " << settings.seed << ' ' << describe(cases[i]);
}

// Messages of whole checks: Z_A, ids, and their limits.
TEST_F(Sm2Agreement, MessagesAndIdsAreHashedAsTheStandardSays) {
  Random random(settings.seed);
  struct Message {
    Bytes data;
    std::string id;
    Point key;
    Signature signature;
  };
  std::vector<Message> messages(settings.many() ? 5'000 : 300);
  for (size_t i = 0; i < messages.size(); ++i) {
    Message& one = messages[i];
    const Secret key = secret_of(random.scalar());
    one.data.resize(random.below(i % 9 ? 300 : 3000));
    for (uint8_t& byte : one.data) byte = uint8_t(random());
    const size_t lengths[] = {0, 1, 16, 64, 8191};
    one.id = i % 3 ? std::string(kDefaultId) : std::string(lengths[random.below(5)], 'i');
    one.key = key.point;
    Bytes hashed;
    put_be(hashed, uint16_t(one.id.size() * 8));
    append(hashed, view(one.id));
    append(hashed, unhex("fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"
                         "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93")
                       .value());
    append(hashed, ByteView(generator()).subspan(1));
    append(hashed, ByteView(key.point).subspan(1));
    one.signature = tongsuo_sign(key.d, key.point, crypto::sm3({crypto::sm3({ByteView(hashed)}), one.data}));
  }
  for (Path path : available_paths()) {
    const Verifier verifier({.path = path, .small_after = 1, .background = false});
    for (int round = 0; round < 2; ++round, verifier.build_tables(SIZE_MAX)) {
      std::vector<Check> checks;
      for (const Message& one : messages) checks.push_back({&one.key, &one.signature, one.data, one.id});
      std::vector<uint8_t> verdicts(checks.size());
      verifier.verify(checks, verdicts);
      EXPECT_EQ(verdicts, std::vector<uint8_t>(checks.size(), 1)) << name(path) << " seed " << settings.seed;
      const std::string too_long(8192, 'i');
      for (size_t i = 0; i < checks.size(); ++i)
        checks[i].id = i % 2 ? "another" : std::string_view(too_long);
      verifier.verify(checks, verdicts);
      EXPECT_EQ(verdicts, std::vector<uint8_t>(checks.size(), 0)) << name(path) << " seed " << settings.seed;
    }
  }
}

TEST_F(Sm2Agreement, Sm3LanesAgreeWithBothLibraries) {
  Random random(settings.seed);
  auto bytes = [&](size_t size) {
    Bytes out(size);
    for (uint8_t& byte : out) byte = uint8_t(random());
    return out;
  };
  for (size_t round = 0; round < (settings.many() ? 2'000u : 200u); ++round) {
    // gmsm takes records of one size; lanes are mixed by cutting them into parts, and by other sizes beside.
    const size_t size = random.below(round % 10 ? 260 : 5000), count = 1 + random.below(40);
    std::vector<Bytes> whole;
    std::vector<sm3::Message> messages;
    for (size_t i = 0; i < count; ++i) whole.push_back(bytes(i % 5 == 4 ? random.below(700) : size));
    for (const Bytes& one : whole) {
      const size_t a = random.below(one.size() + 1), b = a + random.below(one.size() - a + 1);
      const ByteView all(one);
      messages.push_back({all.first(a), all.subspan(a, b - a), all.subspan(b)});
    }
    std::vector<Bytes> same;
    for (size_t i = 0; i < count; ++i)
      if (i % 5 != 4) same.push_back(whole[i]);
    const std::vector<Digest> theirs = gmsm().sm3(same);
    for (sm3::Path path : sm3::kPaths) {
      if (!sm3::available(path)) continue;
      std::vector<Digest> out(count);
      sm3::hash_many(messages, out, path);
      for (size_t i = 0, at = 0; i < count; ++i) {
        ASSERT_EQ(hex(out[i]), hex(tongsuo_sm3(whole[i]))) << sm3::name(path) << " seed " << settings.seed;
        if (i % 5 == 4) continue;
        ASSERT_EQ(hex(out[i]), hex(theirs[at++])) << sm3::name(path) << " seed " << settings.seed;
      }
      std::vector<Digest> children(2 * count), nodes(count);
      for (Digest& child : children) child = random.bits();
      const uint8_t prefix = uint8_t(random());
      sm3::hash_nodes(prefix, children, nodes, path);
      for (size_t i = 0; i < count; ++i) {
        Bytes node = {prefix};
        append(node, children[2 * i]);
        append(node, children[2 * i + 1]);
        ASSERT_EQ(hex(nodes[i]), hex(tongsuo_sm3(node))) << sm3::name(path) << " seed " << settings.seed;
      }
      sm3::hash_nodes(prefix, children, std::span(children).first(count), path);  // in place
      children.resize(count);
      ASSERT_EQ(children, nodes) << sm3::name(path) << " seed " << settings.seed;
    }
  }
}

}  // namespace
}  // namespace chengxin::sm2::agreement

int main(int argc, char** argv) {
  using chengxin::sm2::agreement::settings;
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    const uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--cases")
      settings.cases = value;
    else if (option == "--seed")
      settings.seed = value;
    else if (option == "--case")
      settings.only = value;
    else
      return std::fprintf(stderr, "%s: unknown\n", argv[i]), 2;
  }
  if (settings.only) testing::GTEST_FLAG(filter) = "*EveryPathAgrees*";
  std::printf("seed %llu\n", static_cast<unsigned long long>(settings.seed));
  return RUN_ALL_TESTS();
}
