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
  EXPECT_EQ(after(all),
            Lines{"授予 li.na 角色 official（全部链）|role official is given to li.na, for all chains"});
  EXPECT_EQ(undone(all),
            Lines{"收回 li.na 的角色 official（全部链）|role official is taken from li.na, for all chains"});
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
  EXPECT_EQ(after(joins),
            (Lines{"新增机构 east（东区），隶属 root|organisation east (东区) is made, beneath root",
                   "li.na 转入机构 east|li.na moves to the organisation east",
                   "登记服务 billing，所属机构 east|service billing is registered, of the organisation east",
                   "billing 的签名公钥登记为 " + point + "|billing signs with the public key " + point}));
  EXPECT_EQ(undone(joins), (Lines{"删除机构 east|organisation east is removed",
                                  "li.na 转入机构 root|li.na moves to the organisation root",
                                  "注销用户 billing|user billing is removed"}));
  const Json made = with(document, joins);
  EXPECT_EQ(said(made, with(made,
                            [&](Json& policy) {
                              policy["organisations"]["east"]["name"] = "东部";
                              policy["users"]["3"]["key"] = other;
                              policy["users"]["1"]["source"] = "city";
                            })),
            (Lines{"机构 east 更名为 东部|organisation east is called 东部",
                   "li.na 由“city”的导出维护|li.na is kept by the export of city",
                   "billing 的签名公钥更换为 " + other + "|billing signs from now on with the public key " +
                       other}));
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

TEST_F(ChangesTest, DelegationsRulesAndTheRecoveryKey) {
  document["assignments"].push_back({{"to", "user:1"}, {"role", "official"}});
  const auto more = [](Json& policy) {
    policy["delegations"].push_back(
        {{"from", "1"}, {"to", "2"}, {"role", "official"}, {"from_ms", 0}, {"until_ms", 1'790'000'000'000}});
    policy["outside"] = {{{"provider", "city"},
                          {"claim", "level"},
                          {"value", "L3"},
                          {"role", "reader"},
                          {"organisation", "root"}}};
    policy["recovery"] = {{"key", key()}, {"need", 2}, {"holders", {"王", "李", "赵"}}};
  };
  EXPECT_EQ(
      after(more),
      (Lines{"新规则：外部登录者（city level=L3）获角色 reader、入机构 root|"
             "new rule: who comes from outside (city level=L3) gets the role reader in the organisation root",
             "li.na 将角色 official 委托给 wang.fang，至 2026-09-21T14:13:20.000Z|"
             "li.na delegates the role official to wang.fang, until 2026-09-21T14:13:20.000Z",
             "设立恢复密钥：3 份中任 2 份可移交管理员职责，持有人 王, 李, 赵|"
             "a recovery key: any 2 of 3 shares replace a lost administrator, held by 王, 李, 赵"}));
  EXPECT_EQ(undone(more).size(), 3u);
}

}  // namespace
}  // namespace chengxin::access
