#pragma once
#include "evidence/rig_for_tests.h"
#include "support/databases.h"

#define EXPECT_OK(expression) EXPECT_TRUE(::chengxin::test::succeeded(expression))

namespace chengxin::evidence {

// A service over a real chain, on each database.
class ServiceFixture : public test::OnEachDatabase {
 protected:
  void SetUp() override {
    OnEachDatabase::SetUp();
    rig = std::make_unique<Rig>(folder, url);
    ASSERT_TRUE(rig->service);
  }
  void TearDown() override {
    rig.reset();
    OnEachDatabase::TearDown();
  }
  std::vector<Evidence> add(std::vector<NewEvidence> items) {
    auto added = rig->add(std::move(items));
    EXPECT_OK(added);
    return added.value_or(std::vector<Evidence>());
  }
  std::string reason_of(const std::function<void(NewEvidence&)>& spoil) {
    NewEvidence item = note("content");
    spoil(item);
    auto added = rig->add({item});
    return added ? "ok" : added.error().reason;
  }
  std::vector<std::string> ids_of(const Query& query) {
    std::vector<std::string> ids;
    auto found = rig->service->find(query);
    EXPECT_OK(found);
    if (found)
      for (const Evidence& each : *found) ids.push_back(each.id);
    return ids;
  }
  proof::Anchor anchor() { return proof::Anchor::decode(rig->service->anchor("main").value()).value(); }

  std::unique_ptr<Rig> rig;
};
inline NewEvidence full() {
  NewEvidence item = note("the content of a contract", "购销合同 2026-11");
  item.type = "contract";
  item.holder = "某某公司";
  item.tags = {"trade", "2026"};
  item.further_digests["sha256"] = std::string(64, 'a');
  item.capture = {{"who", "clerk 7"}, {"where", "counter 3"}, {"tool", {{"name", "cli"}, {"version", 1}}}};
  return item;
}

}  // namespace chengxin::evidence
