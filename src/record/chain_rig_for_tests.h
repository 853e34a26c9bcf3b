#pragma once
#include "evidence/rig_for_tests.h"
#include "record/proofs.h"
#include "record/reconciliation.h"
#include "record/rig_for_tests.h"

namespace chengxin::record {

inline const Person kClerk{"u1", "", "", "", {}, {"clerk"}};
inline const Person kGuest{"u2", "", "", "", {}, {"guest"}};

// A pack with a permit whose versions go on a chain of this name.
inline Bytes permits(const std::string& version = "1.0.0", const std::string& area = "{decimal: 2, zh: 面积}",
                     const std::string& on_delete = "keep") {
  return packed({{"pack.yaml", fmt::format("pack: house\nversion: {}\nengine: \">=1.0 <2\"\ntitle: 房屋\n"
                                           "chains: {{city: 城市链}}\nroles: {{clerk: 职员, guest: 访客}}\n",
                                           version)},
                 {"entities/permit.yaml",
                  fmt::format("entity: permit\ntitle: 许可\nnumber: \"P-{{serial:4}}\"\ndelete: {}\n"
                              "chain: {{on: city, record: digest}}\n"
                              "fields:\n"
                              "  name: {{text: line, zh: 名称, required: true}}\n"
                              "  area: {}\n"
                              "  phone: {{text: phone, zh: 电话, sensitivity: personal, chain: encrypted}}\n"
                              "  place: {{geometry: point, zh: 位置}}\n"
                              "  remark: {{text: line, zh: 备注, chain: none}}\n"
                              "access:\n"
                              "  clerk: {{read: all, create: true, change: all, delete: all}}\n"
                              "  guest: {{read: all, hide: [area], mask: [phone]}}\n",
                              on_delete, area)}});
}

inline Json permit(const std::string& name) {
  return {{"name", name},
          {"area", "12.5"},
          {"phone", "13800001111"},
          {"place", {{"type", "Point"}, {"coordinates", {121.473701, 31.230416}}}},
          {"remark", "内部"}};
}

inline std::unique_ptr<evidence::Rig> open_chain(const fs::path& folder, const std::string& url) {
  return std::make_unique<evidence::Rig>(folder, url,
                                         crypto::Sm2PrivateKey::from_scalar(Bytes(32, 3)).value(),
                                         crypto::Sm2PrivateKey::from_scalar(Bytes(32, 4)).value());
}

struct Anchor {
  std::string record;
  int64_t version = 0;
  AnchorState state = AnchorState::pending;
  Digest root{};
};
inline std::vector<Anchor> anchors(sql::Database& database) {
  std::vector<Anchor> out;
  EXPECT_TRUE(test::succeeded(database.read([&](sql::Session& session) -> Status {
    out.clear();
    ASSIGN(const auto rows,
           session.rows("select record, version, state, root from record_anchor order by record, version"));
    for (const sql::Row& row : rows) {
      ASSIGN(const Digest root, row.digest(3));
      out.push_back({row.text(0), row.integer(1), AnchorState(row.integer(2)), root});
    }
    return {};
  })));
  return out;
}
// Until nothing is on its way any more.
inline bool settled(sql::Database& database) {
  for (int i = 0; i < 3000; ++i) {
    const auto all = anchors(database);
    if (std::all_of(all.begin(), all.end(),
                    [](const Anchor& each) { return each.state == AnchorState::anchored; }))
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}
// Each on the chain, and once.
inline void expect_each_once(sql::Database& database, const evidence::Rig& rig) {
  for (const Anchor& each : anchors(database)) {
    const auto places = rig.chain()->ledger->find_items(each.root);
    ASSERT_TRUE(places) << places.error().to_string();
    EXPECT_EQ(places->size(), 1u) << each.record << " " << each.version;
  }
}

}  // namespace chengxin::record
