#include "texts/texts.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace chengxin::texts {
namespace {

TEST(Texts, UnknownKeysSpeakForThemselves) {
  EXPECT_EQ(reason("no.such_key", Language::zh), "no.such_key");
  EXPECT_EQ(reason("no.such_key", Language::en), "no.such_key");
}

TEST(Texts, EveryKeyHasATextInBothLanguages) {
  auto zh = keys(Language::zh), en = keys(Language::en);
  std::sort(zh.begin(), zh.end());
  std::sort(en.begin(), en.end());
  EXPECT_EQ(zh, en);
  EXPECT_EQ(std::adjacent_find(zh.begin(), zh.end()), zh.end()) << "a key stands twice";
  for (auto key : zh) {
    EXPECT_FALSE(reason(key, Language::zh).empty()) << key;
    EXPECT_FALSE(reason(key, Language::en).empty()) << key;
  }
}

}  // namespace
}  // namespace chengxin::texts
