#include "access/changes.h"

#include <algorithm>

#include "base/clock.h"

namespace chengxin::access {
namespace {

// What stands in `list` and not in `other`.
std::vector<Json> only_in(const Json& list, const Json& other) {
  std::vector<Json> out;
  for (const Json& one : list)
    if (std::find(other.begin(), other.end(), one) == other.end()) out.push_back(one);
  return out;
}

std::string list_of(const std::vector<Json>& texts) {
  std::string out;
  for (const Json& one : texts) out += (out.empty() ? "" : ", ") + one.get<std::string>();
  return out;
}

class Comparison {
 public:
  Comparison(const Json& before, const Json& after) : before_(before), after_(after) {}

  std::vector<Sentence> sentences() {
    organisations();
    roles();
    users();
    rules();
    assignments();
    delegations();
    recovery();
    return std::move(out_);
  }

 private:
  void say(std::string zh, std::string en) { out_.push_back({std::move(zh), std::move(en)}); }

  // Of one of the two: a list or an object that may be left out.
  static Json part(const Json& of, const char* name, Json otherwise) {
    return of.value(name, std::move(otherwise));
  }

  // A name is any text, and several may have it: the id says who is meant.
  static std::string named(const std::string& id, const Json& one) {
    return fmt::format("{} ({})", one.at("name").get<std::string>(), id);
  }
  std::string user(const std::string& id) const {
    for (const Json* document : {&after_, &before_})
      if (const auto& all = document->at("users"); all.contains(id)) return named(id, all[id]);
    return id;
  }
  // "user:ID" or "organisation:ID", as assignments name them.
  Sentence holder(const std::string& to) const {
    const std::string id = to.substr(to.find(':') + 1);
    if (to.starts_with("user:")) return {user(id), user(id)};
    return {"机构 " + id + " 的全体人员", "everybody of the organisation " + id};
  }

  // Calls `made`, `gone` or `changed` for each member of an object that differs.
  template <typename Made, typename Gone, typename Changed>
  void each(const char* name, Made made, Gone gone, Changed changed) {
    const Json &old = before_.at(name), &fresh = after_.at(name);
    for (const auto& [id, value] : fresh.items())
      if (!old.contains(id))
        made(id, value);
      else if (old[id] != value)
        changed(id, old[id], value);
    for (const auto& [id, value] : old.items())
      if (!fresh.contains(id)) gone(id);
  }

  void source(const std::string& zh, const std::string& en, const Json& old, const Json& fresh) {
    const std::string from = old.value("source", ""), to = fresh.value("source", "");
    if (from == to) return;
    if (to.empty())
      say(fmt::format("{}不再由“{}”的导出维护", zh, from),
          fmt::format("{} is no longer kept by the export of {}", en, from));
    else
      say(fmt::format("{}由“{}”的导出维护", zh, to), fmt::format("{} is kept by the export of {}", en, to));
  }

  // What rules of applications know as the region of its people.
  void region(const std::string& id, const Json& old, const Json& one) {
    const std::string from = old.value("region", ""), to = one.value("region", "");
    if (from == to) return;
    if (to.empty())
      say(fmt::format("机构 {} 不再有自己的区域，沿用上级的", id),
          fmt::format("organisation {} has no region of its own any more, but that above it", id));
    else
      say(fmt::format("机构 {} 及其下级的区域为 {}", id, to),
          fmt::format("organisation {} and those beneath it are of the region {}", id, to));
  }

  void organisations() {
    each(
        "organisations",
        [&](const std::string& id, const Json& one) {
          const std::string name = one.at("name"), parent = one.at("parent");
          say(fmt::format("新增机构 {}（{}），隶属 {}", id, name, parent),
              fmt::format("organisation {} ({}) is made, beneath {}", id, name, parent));
          region(id, Json::object(), one);
          source("机构 " + id + " ", "organisation " + id, Json::object(), one);
        },
        [&](const std::string& id) {
          say(fmt::format("删除机构 {}", id), fmt::format("organisation {} is removed", id));
        },
        [&](const std::string& id, const Json& old, const Json& one) {
          const std::string name = one.at("name"), parent = one.at("parent");
          if (old.at("name") != name)
            say(fmt::format("机构 {} 更名为 {}", id, name),
                fmt::format("organisation {} is called {}", id, name));
          if (old.at("parent") != parent)
            say(fmt::format("机构 {} 改隶 {}", id, parent),
                fmt::format("organisation {} moves beneath {}", id, parent));
          region(id, old, one);
          source("机构 " + id + " ", "organisation " + id, old, one);
        });
  }

  void roles() {
    each(
        "roles",
        [&](const std::string& id, const Json& one) {
          const std::string title = one.at("title");
          say(fmt::format("新增角色 {}（{}）", id, title), fmt::format("role {} ({}) is made", id, title));
          role(id, Json::object(), one);
        },
        [&](const std::string& id) {
          say(fmt::format("删除角色 {}", id), fmt::format("role {} is removed", id));
        },
        [&](const std::string& id, const Json& old, const Json& one) {
          if (old.at("title") != one.at("title"))
            say(fmt::format("角色 {} 更名为 {}", id, one.at("title").get<std::string>()),
                fmt::format("role {} is titled {}", id, one.at("title").get<std::string>()));
          role(id, old, one);
        });
  }

  void role(const std::string& id, const Json& old, const Json& one) {
    struct List {
      const char *name, *zh_more, *en_more, *zh_less, *en_less;
    };
    constexpr List kLists[] = {
        {"permissions", "增加权限", "may from now on", "取消权限", "may no longer"},
        {"inherits", "继承角色", "inherits the role", "不再继承角色", "no longer inherits the role"},
        {"masks", "遮蔽字段", "does not see the member", "不再遮蔽字段", "sees the member"}};
    for (const List& list : kLists) {
      const Json was = part(old, list.name, Json::array()), is = part(one, list.name, Json::array());
      if (const auto more = only_in(is, was); !more.empty())
        say(fmt::format("角色 {} {}：{}", id, list.zh_more, list_of(more)),
            fmt::format("role {} {}: {}", id, list.en_more, list_of(more)));
      if (const auto less = only_in(was, is); !less.empty())
        say(fmt::format("角色 {} {}：{}", id, list.zh_less, list_of(less)),
            fmt::format("role {} {}: {}", id, list.en_less, list_of(less)));
    }
    if (const int level = one.value("clearance", 0); level != old.value("clearance", 0))
      say(fmt::format("角色 {} 可见的最高密级为 {}", id, level),
          fmt::format("role {} sees labels up to {}", id, level));
    if (const bool all = one.value("all_rows", false); all != old.value("all_rows", false))
      say(fmt::format("角色 {} {}", id, all ? "可见全部机构的记录" : "只见本机构及下属机构的记录"),
          fmt::format("role {} sees the records of {}", id,
                      all ? "every organisation" : "its holder's organisation and those beneath it only"));
    if (const bool only = one.value("read_only", false); only != old.value("read_only", false))
      say(fmt::format("角色 {} {}", id, only ? "只读，持有者不得写入" : "不再限于只读"),
          fmt::format("role {} {}", id,
                      only ? "only reads: its holder may write nothing" : "is no longer for reading only"));
  }

  void users() {
    each(
        "users",
        [&](const std::string& id, const Json& one) {
          const std::string name = named(id, one), organisation = one.at("organisation");
          const bool service = one.value("service", false);
          say(fmt::format("登记{} {}，所属机构 {}", service ? "服务" : "用户", name, organisation),
              fmt::format("{} {} is registered, of the organisation {}", service ? "service" : "user", name,
                          organisation));
          key(name, Json::object(), one);
          source(name + " ", name, Json::object(), one);
        },
        [&](const std::string& id) {
          say(fmt::format("注销用户 {}", user(id)), fmt::format("user {} is removed", user(id)));
        },
        [&](const std::string& id, const Json& old, const Json& one) {
          const std::string name = named(id, one), was = named(id, old),
                            organisation = one.at("organisation");
          if (was != name)
            say(fmt::format("用户 {} 更名为 {}", was, name), fmt::format("user {} is called {}", was, name));
          if (old.at("organisation") != organisation)
            say(fmt::format("{} 转入机构 {}", name, organisation),
                fmt::format("{} moves to the organisation {}", name, organisation));
          if (const bool service = one.value("service", false); service != old.value("service", false))
            say(fmt::format("{} 改为{}账户", name, service ? "服务" : "个人"),
                fmt::format("{} becomes the account of a {}", name, service ? "service" : "person"));
          key(name, old, one);
          source(name + " ", name, old, one);
        });
  }

  void key(const std::string& name, const Json& old, const Json& one) {
    const std::string was = old.value("key", ""), is = one.value("key", "");
    if (was == is) return;
    if (is.empty())
      say(fmt::format("取消 {} 的签名公钥", name), fmt::format("{} no longer has a signing key", name));
    else
      say(fmt::format("{} 的签名公钥{}为 {}", name, was.empty() ? "登记" : "更换", is),
          fmt::format("{} {} the public key {}", name, was.empty() ? "signs with" : "signs from now on with",
                      is));
  }

  void rules() {
    const Json was = part(before_, "outside", Json::array()), is = part(after_, "outside", Json::array());
    const auto texts = [](const Json& one) {
      const std::string role = one.at("role"), organisation = one.at("organisation");
      const std::string who =
          fmt::format("{} {}={}", one.at("provider").get<std::string>(), one.at("claim").get<std::string>(),
                      one.at("value").get<std::string>());
      return Sentence{fmt::format("外部登录者（{}）获角色 {}、入机构 {}", who, role, organisation),
                      fmt::format("who comes from outside ({}) gets the role {} in the organisation {}", who,
                                  role, organisation)};
    };
    for (const Json& one : only_in(is, was)) say("新规则：" + texts(one).zh, "new rule: " + texts(one).en);
    for (const Json& one : only_in(was, is)) say("取消规则：" + texts(one).zh, "no longer: " + texts(one).en);
  }

  void assignments() {
    const Json &was = before_.at("assignments"), &is = after_.at("assignments");
    const auto chains = [](const Json& one) {
      const Json names = one.value("chains", Json::array());
      if (names.empty()) return Sentence{"全部链", "all chains"};
      const std::string list = list_of({names.begin(), names.end()});
      return Sentence{"仅限链 " + list, "the chains " + list + " only"};
    };
    for (const Json& one : only_in(is, was)) {
      const std::string role = one.at("role");
      const Sentence to = holder(one.at("to")), on = chains(one);
      say(fmt::format("授予 {} 角色 {}（{}）", to.zh, role, on.zh),
          fmt::format("role {} is given to {}, for {}", role, to.en, on.en));
    }
    for (const Json& one : only_in(was, is)) {
      const std::string role = one.at("role");
      const Sentence to = holder(one.at("to")), on = chains(one);
      say(fmt::format("收回 {} 的角色 {}（{}）", to.zh, role, on.zh),
          fmt::format("role {} is taken from {}, for {}", role, to.en, on.en));
    }
  }

  void delegations() {
    const Json &was = before_.at("delegations"), &is = after_.at("delegations");
    const auto time = [](const Json& one) {
      const std::string from = format_time(one.at("from_ms").get<int64_t>()),
                        until = format_time(one.at("until_ms").get<int64_t>());
      return Sentence{fmt::format("自 {} 至 {}", from, until), fmt::format("from {} until {}", from, until)};
    };
    for (const Json& one : only_in(is, was)) {
      const std::string from = user(one.at("from")), to = user(one.at("to")), role = one.at("role");
      const Sentence when = time(one);
      say(fmt::format("{} 将角色 {} 委托给 {}，{}", from, role, to, when.zh),
          fmt::format("{} delegates the role {} to {}, {}", from, role, to, when.en));
    }
    for (const Json& one : only_in(was, is)) {
      const std::string from = user(one.at("from")), to = user(one.at("to")), role = one.at("role");
      const Sentence when = time(one);
      say(fmt::format("{} 对 {} 的角色 {} 委托终止（{}）", from, to, role, when.zh),
          fmt::format("{} no longer delegates the role {} to {} ({})", from, role, to, when.en));
    }
  }

  void recovery() {
    const Json was = part(before_, "recovery", Json()), is = part(after_, "recovery", Json());
    if (was == is) return;
    if (is.is_null()) return say("取消恢复密钥", "the recovery key is given up");
    const Json& names = is.at("holders");
    const std::string holders = list_of({names.begin(), names.end()}), key = is.at("key");
    const auto need = is.at("need").get<int64_t>();
    const bool same = !was.is_null() && was.at("key") == key;
    say(fmt::format("{}恢复密钥 {}：{} 份中任 {} 份可移交管理员职责，持有人 {}",
                    was.is_null() ? "设立"
                    : same        ? "沿用"
                                  : "更换为",
                    key, names.size(), need, holders),
        fmt::format("{} recovery key {}: any {} of {} shares replace a lost administrator, held by {}",
                    was.is_null() ? "a"
                    : same        ? "the same"
                                  : "another",
                    key, need, names.size(), holders));
  }

  const Json &before_, &after_;
  std::vector<Sentence> out_;
};

}  // namespace

std::vector<Sentence> changes_between(const Policy& before, const Policy& after) {
  return Comparison(before.document(), after.document()).sentences();
}

Result<std::vector<Sentence>> changes_of(const Json& document, const Json& in_force) {
  ASSIGN(const auto before, Policy::read(in_force));
  ASSIGN(const auto after, Policy::read(document));
  if (after.version() != before.version() + 1 ||
      after.previous() != (before.version() == 0 ? "" : hex(before.digest())))
    return fail(Code::conflict, "access.policy_stale", "version {} does not follow what is shown as in force",
                after.version());
  return changes_between(before, after);
}

}  // namespace chengxin::access
