#include "contract/registry.h"

#include <gtest/gtest.h>

#include "contract/testing.h"

namespace chengxin::contract {
namespace {

struct LargeModule : testing::ScriptModule {
  size_t bytes() const override { return 100 << 20; }
};
struct CountingEngine : testing::ScriptEngine {
  mutable int loads = 0;
  Result<std::shared_ptr<const Module>> load(ByteView) const override {
    ++loads;
    return std::shared_ptr<const Module>(std::make_shared<LargeModule>());
  }
};

// Whoever may propose could else fill the memory with what was called once.
TEST(Registry, HoldsNoMoreThanItsBytesOfModules) {
  const auto engine = std::make_shared<CountingEngine>();
  const Registry registry(Engines{{format::ContractEngine::wasm, engine}});
  const auto load = [&](uint8_t number) {
    const auto package = [&]() -> Result<Bytes> {
      return format::ContractPackage{format::ContractEngine::wasm, Bytes{number}, "[]", Digest{1}, "t"}
          .encode();
    };
    return registry.load(Digest{number}, package).value();
  };
  std::weak_ptr<const Loaded> first = load(1);
  load(2);
  load(1);
  EXPECT_EQ(engine->loads, 2);
  load(3);  // drops 2, which was used longest ago
  EXPECT_FALSE(first.expired());
  load(1);
  EXPECT_EQ(engine->loads, 3);
  load(2);
  EXPECT_EQ(engine->loads, 4);
  load(4);
  load(5);
  EXPECT_TRUE(first.expired());
}

}  // namespace
}  // namespace chengxin::contract
