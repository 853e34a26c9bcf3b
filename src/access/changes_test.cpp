#include "access/changes.h"

#include <gtest/gtest.h>

namespace chengxin::access {
namespace {

std::string key() { return hex(crypto::Sm2PrivateKey::generate()->public_key().point()); }

Json with(Json document, const std::function<void(Json&)>& change) {
  change(document);
  return document;
}

// The sentences, Chinese and English joined by a bar; what is refused as a policy has none.
std::vector<std::string> said(const Json& before, const Json& after) {
  const auto one = Policy::read(before), two = Policy::read(after);
  EXPECT_TRUE(one) << one.error().to_string();
  EXPECT_TRUE(two) << two.error().to_string();
  std::vector<std::string> out;
  if (!one || !two) return out;
  for (const Sentence& each : changes_between(*one, *two)) out.push_back(each.zh + "|" + each.en);
  return out;
}

using Lines = std::vector<std::string>;

struct ChangesTest : testing::Test {
  Json document = with(Policy::beginning(), [](Json& policy) {
    policy["users"]["1"] = {{"name", "li.na"}, {"organisation", "root"}};
    policy["users"]["2"] = {{"name", "wang.fang"}, {"organisation", "root"}};
  });
  Lines after(const std::function<void(Json&)>& change) const {
    return said(document, with(document, change));
  }
  // The same change made, and then taken back.
  Lines undone(const std::function<void(Json&)>& change) const {
    return said(with(document, change), document);
  }
};

TEST_F(ChangesTest, NothingIsSaidOfVersionsAndTimes) {
  EXPECT_EQ(after([](Json& policy) {
              policy["version"] = 7;
              policy["made_ms"] = 5;
              policy["outside"] = Json::array();
            }),
            Lines{});
}

TEST_F(ChangesTest, RolesGivenAndTakenNameTheirChains) {
  const auto all = [](Json& policy) {
    policy["assignments"].push_back({{"to", "user:1"}, {"role", "official"}});
  };
  EXPECT_EQ(
      after(all),
      Lines{"授予 li.na (1) 角色 official（全部链）|role official is given to li.na (1), for all chains"});
  EXPECT_EQ(
      undone(all),
      Lines{
          "收回 li.na (1) 的角色 official（全部链）|role official is taken from li.na (1), for all chains"});
  const auto some = [](Json& policy) {
    policy["assignments"].push_back(
        {{"to", "organisation:root"}, {"role", "reader"}, {"chains", {"medical", "carbon"}}});
  };
  EXPECT_EQ(
      after(some),
      Lines{
          "授予 机构 root 的全体人员 角色 reader（仅限链 medical, carbon）|"
          "role reader is given to everybody of the organisation root, for the chains medical, carbon only"});
}

TEST_F(ChangesTest, PeopleServicesAndOrganisations) {
  const std::string point = key(), other = key();
  const auto joins = [&](Json& policy) {
    policy["organisations"]["east"] = {{"name", "东区"}, {"parent", "root"}};
    policy["users"]["3"] = {{"name", "billing"}, {"organisation", "east"}, {"service", true}, {"key", point}};
    policy["users"]["1"]["organisation"] = "east";
  };
  EXPECT_EQ(
      after(joins),
      (Lines{
          "新增机构 east（东区），隶属 root|organisation east (东区) is made, beneath root",
          "li.na (1) 转入机构 east|li.na (1) moves to the organisation east",
          "登记服务 billing (3)，所属机构 east|service billing (3) is registered, of the organisation east",
          "billing (3) 的签名公钥登记为 " + point + "|billing (3) signs with the public key " + point}));
  EXPECT_EQ(undone(joins), (Lines{"删除机构 east|organisation east is removed",
                                  "li.na (1) 转入机构 root|li.na (1) moves to the organisation root",
                                  "注销用户 billing (3)|user billing (3) is removed"}));
  const Json made = with(document, joins);
  EXPECT_EQ(said(made, with(made,
                            [&](Json& policy) {
                              policy["organisations"]["east"]["name"] = "东部";
                              policy["users"]["3"]["key"] = other;
                              policy["users"]["1"]["source"] = "city";
                            })),
            (Lines{"机构 east 更名为 东部|organisation east is called 东部",
                   "li.na (1) 由“city”的导出维护|li.na (1) is kept by the export of city",
                   "billing (3) 的签名公钥更换为 " + other +
                       "|billing (3) signs from now on with the public key " + other}));
}

TEST_F(ChangesTest, RegionsOfOrganisations) {
  const auto makes = [](Json& policy) {
    policy["organisations"]["east"] = {{"name", "东区"}, {"parent", "root"}, {"region", "310115"}};
  };
  EXPECT_EQ(after(makes),
            (Lines{"新增机构 east（东区），隶属 root|organisation east (东区) is made, beneath root",
                   "机构 east 及其下级的区域为 310115|organisation east and those beneath it are of the "
                   "region 310115"}));
  const Json made = with(document, makes);
  EXPECT_EQ(
      said(made, with(made, [](Json& policy) { policy["organisations"]["east"].erase("region"); })),
      (Lines{
          "机构 east 不再有自己的区域，沿用上级的|organisation east has no region of its own any more, but "
          "that above it"}));
}

TEST_F(ChangesTest, WhatARoleOfOnesOwnMay) {
  const Json made = with(document, [](Json& policy) {
    policy["roles"]["clerk"] = {{"title", "窗口"}, {"permissions", {"read:evidence"}}, {"masks", {"holder"}}};
  });
  EXPECT_EQ(said(document, made),
            (Lines{"新增角色 clerk（窗口）|role clerk (窗口) is made",
                   "角色 clerk 增加权限：read:evidence|role clerk may from now on: read:evidence",
                   "角色 clerk 遮蔽字段：holder|role clerk does not see the member: holder"}));
  EXPECT_EQ(said(made, with(made,
                            [](Json& policy) {
                              policy["roles"]["clerk"] = {{"title", "窗口"},
                                                          {"permissions", {"write:evidence"}},
                                                          {"inherits", {"reader"}},
                                                          {"clearance", 2},
                                                          {"all_rows", true}};
                            })),
            (Lines{"角色 clerk 增加权限：write:evidence|role clerk may from now on: write:evidence",
                   "角色 clerk 取消权限：read:evidence|role clerk may no longer: read:evidence",
                   "角色 clerk 继承角色：reader|role clerk inherits the role: reader",
                   "角色 clerk 不再遮蔽字段：holder|role clerk sees the member: holder",
                   "角色 clerk 可见的最高密级为 2|role clerk sees labels up to 2",
                   "角色 clerk 可见全部机构的记录|role clerk sees the records of every organisation"}));
}

TEST_F(ChangesTest, PeopleOfOneNameAreToldApart) {
  EXPECT_EQ(
      after([](Json& policy) {
        policy["users"]["3"] = {{"name", "li.na"}, {"organisation", "root"}};
        policy["assignments"].push_back({{"to", "user:3"}, {"role", "official"}});
      }),
      (Lines{"登记用户 li.na (3)，所属机构 root|user li.na (3) is registered, of the organisation root",
             "授予 li.na (3) 角色 official（全部链）|role official is given to li.na (3), for all chains"}));
  EXPECT_EQ(after([](Json& policy) { policy["users"]["2"]["name"] = "li.na"; }),
            Lines{"用户 wang.fang (2) 更名为 li.na (2)|user wang.fang (2) is called li.na (2)"});
}

TEST_F(ChangesTest, DelegationsAndRules) {
  document["assignments"].push_back({{"to", "user:1"}, {"role", "official"}});
  const auto more = [](Json& policy) {
    policy["delegations"].push_back({{"from", "1"},
                                     {"to", "2"},
                                     {"role", "official"},
                                     {"from_ms", 1'780'000'000'000},
                                     {"until_ms", 1'790'000'000'000}});
    policy["outside"] = {{{"provider", "city"},
                          {"claim", "level"},
                          {"value", "L3"},
                          {"role", "reader"},
                          {"organisation", "root"}}};
  };
  EXPECT_EQ(
      after(more),
      (Lines{"新规则：外部登录者（city level=L3）获角色 reader、入机构 root|"
             "new rule: who comes from outside (city level=L3) gets the role reader in the organisation root",
             "li.na (1) 将角色 official 委托给 wang.fang (2)，"
             "自 2026-05-28T20:26:40.000Z 至 2026-09-21T14:13:20.000Z|"
             "li.na (1) delegates the role official to wang.fang (2), "
             "from 2026-05-28T20:26:40.000Z until 2026-09-21T14:13:20.000Z"}));
  const Lines back = undone(more);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[1],
            "li.na (1) 对 wang.fang (2) 的角色 official 委托终止"
            "（自 2026-05-28T20:26:40.000Z 至 2026-09-21T14:13:20.000Z）|"
            "li.na (1) no longer delegates the role official to wang.fang (2) "
            "(from 2026-05-28T20:26:40.000Z until 2026-09-21T14:13:20.000Z)");
}

TEST_F(ChangesTest, ARecoveryKeyIsNamed) {
  const std::string first = key(), second = key();
  const auto with_key = [&](const std::string& point, int need) {
    return with(document, [&](Json& policy) {
      policy["recovery"] = {{"key", point}, {"need", need}, {"holders", {"王", "李", "赵"}}};
    });
  };
  EXPECT_EQ(
      said(document, with_key(first, 2)),
      Lines{"设立恢复密钥 " + first + "：3 份中任 2 份可移交管理员职责，持有人 王, 李, 赵|a recovery key " +
            first + ": any 2 of 3 shares replace a lost administrator, held by 王, 李, 赵"});
  EXPECT_EQ(said(with_key(first, 2), with_key(second, 2)),
            Lines{"更换为恢复密钥 " + second +
                  "：3 份中任 2 份可移交管理员职责，持有人 王, 李, 赵|another recovery key " + second +
                  ": any 2 of 3 shares replace a lost administrator, held by 王, 李, 赵"});
  EXPECT_EQ(said(with_key(first, 2), with_key(first, 3)),
            Lines{"沿用恢复密钥 " + first +
                  "：3 份中任 3 份可移交管理员职责，持有人 王, 李, 赵|the same recovery key " + first +
                  ": any 3 of 3 shares replace a lost administrator, held by 王, 李, 赵"});
  EXPECT_EQ(said(with_key(first, 2), document), Lines{"取消恢复密钥|the recovery key is given up"});
}

// Who shows a policy as in force that already has what is proposed would have it signed unseen.
TEST_F(ChangesTest, OnlyOfADocumentThatFollowsWhatIsShownAsInForce) {
  document["version"] = 4;
  document["previous"] = std::string(64, 'a');
  Json proposed = with(document, [](Json& policy) {
    policy["assignments"].push_back({{"to", "user:1"}, {"role", "official"}});
  });
  const Json shown = proposed;
  proposed["version"] = 5;
  proposed["previous"] = hex(Policy::read(document)->digest());
  const auto reason = [&](const Json& next, const Json& in_force) {
    const auto changes = changes_of(next, in_force);
    return changes ? "" : changes.error().reason;
  };
  const auto changes = changes_of(proposed, document);
  ASSERT_TRUE(changes) << changes.error().to_string();
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_EQ((*changes)[0].en, "role official is given to li.na (1), for all chains");
  EXPECT_EQ(reason(proposed, shown), "access.policy_stale") << "another version 4";
  EXPECT_EQ(reason(with(proposed, [](Json& policy) { policy["version"] = 6; }), document),
            "access.policy_stale");
  EXPECT_EQ(reason(with(proposed, [](Json& policy) { policy["previous"] = ""; }), document),
            "access.policy_stale");
  EXPECT_EQ(reason(Json::object(), document), "access.policy_form");
  const Json first = with(document, [](Json& policy) {
    policy["version"] = 1;
    policy["previous"] = "";
  });
  EXPECT_EQ(reason(first, Policy::beginning()), "");
}

}  // namespace
}  // namespace chengxin::access
