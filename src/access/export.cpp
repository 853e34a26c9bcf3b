#include "access/impl/members.h"
#include "access/sync.h"

// Reading an export.
namespace chengxin::access {
namespace {

constexpr std::string_view kForm = "access.sync_form", kRoot = "root";
constexpr size_t kMostPeople = 100'000, kMostOrganisations = 20'000, kMostChains = 1000;

Status once(std::set<std::string>& seen, const std::string& name, std::string_view what) {
  if (seen.insert(name).second) return {};
  return fail(Code::invalid_argument, "access.sync_duplicate", "{} {}", what, name);
}

Result<std::set<std::string>> set_of(Members& members, const char* name, const std::string& where) {
  std::set<std::string> out;
  for (const std::string& one : members.texts(name)) TRY(once(out, one, where + ": " + name));
  return out;
}

Result<Export::Person> read_person(const Json& json) {
  Members members(json, "a user", kForm);
  Export::Person out;
  out.name = members.text("name");
  members.text("title", false);
  out.organisation = members.text("organisation");
  out.service = members.flag("service");
  out.active = !json.is_object() || !json.contains("active") || members.flag("active");
  out.key = members.text("key", false);
  ASSIGN(out.roles, set_of(members, "roles", "user " + out.name));
  ASSIGN(out.chains, set_of(members, "chains", "user " + out.name));
  TRY(members.done());
  if (json.contains("chains") && out.chains.empty())
    return fail(Code::invalid_argument, kForm, "user {}: chains names one or more; without it: all",
                out.name);
  if (!out.key.empty() && !out.service)
    return fail(Code::invalid_argument, kForm, "user {}: keys of people come from their certificates",
                out.name);
  TRY(check_name(out.name));
  return out;
}

// Of people: names are the same whatever the case, as accounts' are.
Status read_people(const Json& list, Export& into) {
  std::set<std::string> names;
  for (const Json& one : list) {
    ASSIGN(auto person, read_person(one));
    TRY(once(names, name_key(person.name), "user"));
    into.people.push_back(std::move(person));
  }
  return {};
}

Status read_organisations(const Json& list, Export& into) {
  std::set<std::string> ids;
  for (const Json& one : list) {
    Members members(one, "an organisation", kForm);
    Export::Organisation read{members.text("id"), members.text("title"), members.text("parent", false)};
    TRY(members.done());
    if (read.id == kRoot)
      return fail(Code::invalid_argument, kForm, "root is the platform's own organisation: name another");
    TRY(once(ids, read.id, "organisation"));
    if (read.parent.empty()) read.parent = kRoot;
    into.organisations.push_back(std::move(read));
  }
  return {};
}

Status read_chains(const Json& list, Export& into) {
  std::set<std::string> names;
  for (const Json& one : list) {
    Members members(one, "a chain", kForm);
    const std::string name = members.text("name");
    members.text("title", false);
    const Json& accounts = members.list("accounts", false);  // for who makes the chain
    TRY(members.done());
    TRY(once(names, name, "chain"));
    into.chains[name] = accounts.empty() ? std::string() : accounts.dump();
  }
  return {};
}

}  // namespace

Result<Export> read_export(const Json& document) {
  Members members(document, "export", kForm);
  const std::string format = members.text("format");
  Export out;
  out.source = members.text("source");
  const Json &organisations = members.list("organisations"), &users = members.list("users"),
             &chains = members.list("chains", false);
  TRY(members.done());
  if (format != kExportFormat) return fail(Code::invalid_argument, kForm, "format is not {}", kExportFormat);
  if (out.source.empty() || out.source.size() > 64)
    return fail(Code::invalid_argument, kForm, "source names the system, 1 to 64 bytes");
  if (organisations.size() > kMostOrganisations || users.size() > kMostPeople || chains.size() > kMostChains)
    return fail(Code::invalid_argument, kForm, "at most {} organisations, {} users, {} chains",
                kMostOrganisations, kMostPeople, kMostChains);
  TRY(read_organisations(organisations, out));
  TRY(read_people(users, out));
  TRY(read_chains(chains, out));
  return out;
}

}  // namespace chengxin::access
