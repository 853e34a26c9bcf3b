#include "config/config.h"

#include <gtest/gtest.h>

#include <map>

namespace chengxin::config {
namespace {

Loaded load_with(std::string_view yaml, std::map<std::string, std::string> environment = {}) {
  return load(yaml, [&](const std::string& name) -> const char* {
    auto it = environment.find(name);
    return it == environment.end() ? nullptr : it->second.c_str();
  });
}

TEST(Config, EnvironmentOverridesFileOverridesDefault) {
  EXPECT_EQ(load_with("").config.listen, "127.0.0.1:8080");
  EXPECT_EQ(load_with("listen: 127.0.0.1:9000").config.listen, "127.0.0.1:9000");
  auto loaded = load_with("listen: 127.0.0.1:9000\nlog: {level: warn}\nstore.cache_mb: 128",
                          {{"CHENGXIN_LISTEN", "127.0.0.1:9100"}});
  EXPECT_TRUE(loaded.mistakes.empty());
  EXPECT_EQ(loaded.config.listen, "127.0.0.1:9100");
  EXPECT_EQ(loaded.config.log_level, "warn");
  EXPECT_EQ(loaded.config.store_cache_mb, 128);
}

TEST(Config, NamesEveryMistakeWithItsLine) {
  auto loaded = load_with(
      "log:\n  levle: info\n  format: yaml\nlisten:\norder.queue_transactions: many\nmirror.enabled: "
      "yes\nlog:\n  level: warn\n",
      {{"CHENGXIN_STORE_CACHE_MB", "-1"}});
  std::vector<std::pair<int, std::string>> found;
  for (const Mistake& mistake : loaded.mistakes) found.emplace_back(mistake.line, mistake.reason);
  std::vector<std::pair<int, std::string>> expected = {
      {2, "config.unknown"}, {3, "config.value"}, {4, "config.empty"}, {5, "config.value"},
      {6, "config.value"},   {7, "config.twice"}, {0, "config.value"}};
  EXPECT_EQ(found, expected);
  EXPECT_NE(loaded.mistakes[0].detail.find("log.level"), std::string::npos) << loaded.mistakes[0].detail;
  EXPECT_EQ(loaded.config.store_cache_mb, 64);
}

TEST(Config, ProvidersAreAListWhoseMistakesAreNamedToo) {
  auto loaded = load_with(
      "access.oidc:\n  - name: city\n    issuer: https://id.example\n    allow_private: true\n"
      "  - name: office\n    clock_skew_seconds: 10\n");
  EXPECT_TRUE(loaded.mistakes.empty());
  ASSERT_EQ(loaded.config.access_oidc.size(), 2u);
  EXPECT_EQ(loaded.config.access_oidc[0].issuer, "https://id.example");
  EXPECT_TRUE(loaded.config.access_oidc[0].allow_private);
  EXPECT_EQ(loaded.config.access_oidc[1].clock_skew_seconds, 10);
  EXPECT_EQ(loaded.config.access_oidc[1].line, 5);
  std::vector<std::string> found;
  auto whole = load_with("access:\n  oidc:\n    - isuer: x\n      claims_from: cookie\n    - text\n");
  for (const Mistake& mistake : whole.mistakes) found.push_back(mistake.reason);
  EXPECT_EQ(found, (std::vector<std::string>{"config.unknown", "config.value", "config.type"}));
  found.clear();
  auto twice = load_with(
      "access.oidc:\n  - issuer: https://a\n    issuer: https://b\n    title:\n    [x]: y\n"
      "  - issuer: https://c\n");
  for (const Mistake& mistake : twice.mistakes)
    found.push_back(fmt::format("{} {}", mistake.line, mistake.reason));
  EXPECT_EQ(found, (std::vector<std::string>{"3 config.twice", "4 config.empty", "5 config.syntax"}));
  EXPECT_EQ(load_with("access.oidc: text").mistakes.at(0).reason, "config.type");
}

TEST(Config, ListsAreSplitAtCommas) {
  using List = std::vector<std::string>;
  EXPECT_EQ(listed("a, b b\t,c"), (List{"a", "b b", "c"}));
  EXPECT_EQ(listed(",a,, \t ,"), List{"a"});
  EXPECT_EQ(listed(""), List());
  EXPECT_EQ(listed(" "), List());
}

TEST(Config, SyntaxErrorsNeverThrow) {
  for (std::string_view text : {"a: [", "- 1\n- 2", "a: b: c", "? [x]\n: y", "listen: [1, 2]"})
    EXPECT_FALSE(load_with(text).mistakes.empty()) << text;
}

TEST(Config, DocumentedDefaultsAreTheDefaults) {
  std::string all = documented_defaults();
  std::string uncommented;
  size_t settings = 0;
  for (size_t at = 0; at < all.size();) {
    size_t end = all.find('\n', at);
    std::string line = all.substr(at, end - at);
    at = end + 1;
    // A setting is the third comment line of its group: "# key: value" with no space in the key.
    size_t colon = line.find(": ");
    if (line.rfind("# ", 0) == 0 && colon != std::string::npos && line.find(' ', 2) == colon + 1 &&
        line.find("chengxin install") == std::string::npos)
      uncommented += line.substr(2) + "\n", ++settings;
  }
  auto loaded = load_with(uncommented);
  EXPECT_GE(settings, 12u);
  EXPECT_TRUE(loaded.mistakes.empty()) << loaded.mistakes[0].detail;
  EXPECT_EQ(loaded.config.listen, Config().listen);
  EXPECT_EQ(loaded.config.order_queue_transactions, Config().order_queue_transactions);
  EXPECT_TRUE(load_with(all).mistakes.empty());
}

}  // namespace
}  // namespace chengxin::config
