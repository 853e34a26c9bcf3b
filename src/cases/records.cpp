#include "cases/records.h"

namespace chengxin::cases {

Result<Desk::Records::Found> Desk::Records::load(record::Work& work, const record::Catalogue& catalogue,
                                                 const std::string& called) {
  const size_t slash = called.find('/');
  ASSIGN(const record::Model* model, catalogue.model(called.substr(0, slash)));
  ASSIGN(record::Stored record, work.find(*model, called.substr(slash + 1)));
  return Found{model, std::move(record)};
}

template <typename Task>
auto Desk::Records::with(sql::Session& session, const flow::About& about, Task task) {
  using Answer = decltype(task(std::declval<record::Work&>(), std::declval<const record::Catalogue&>(),
                               std::declval<const Found&>()));
  const auto run = [&]() -> Answer {
    ASSIGN(const auto present, installation_.present(session));
    const std::string& who = about.who.empty() ? about.starter : about.who;
    const record::Person person = staff_.find(who).value_or(record::Person{who, "", "", "", {}, {}});
    record::Work work(session, present.means, person);
    ASSIGN(const Found found, load(work, *present.catalogue, about.record));
    return task(work, *present.catalogue, found);
  };
  return run();
}

Result<bool> Desk::Records::holds(sql::Session& session, const flow::About& about, const flow::Step& step) {
  return with(
      session, about, [&](record::Work& work, const record::Catalogue&, const Found& found) -> Result<bool> {
        ASSIGN(const auto rule, record::compile_rule(*found.model->scope, step.when,
                                                     {{"object", found.model->name()}}, nullptr, "bool"));
        return work.holds(*found.model, found.record, rule);
      });
}

Result<flow::Outside::Decision> Desk::Records::decide(sql::Session& session, const flow::About& about,
                                                      const flow::Step& step) {
  return with(
      session, about,
      [&](record::Work& work, const record::Catalogue& catalogue, const Found& found) -> Result<Decision> {
        ASSIGN(const record::Decision* decision, catalogue.decision(step.decision));
        ASSIGN(Json why, work.decide(*decision, found.record));
        const Json& outcomes = why.at("outcomes");
        return Decision{outcomes.empty() ? "" : outcomes.front().get<std::string>(), std::move(why)};
      });
}

// A field before a role: it is the narrower of the two.
Result<std::vector<std::string>> Desk::Records::people(sql::Session& session, const flow::About& about,
                                                       const std::string& who) {
  using People = std::vector<std::string>;
  if (who == kAdministrators) return staff_.administrators();
  if (who == "starter") return staff_.find(about.starter) ? People{about.starter} : People{};
  return with(session, about,
              [&](record::Work&, const record::Catalogue&, const Found& found) -> Result<People> {
                const pack::Field* field = found.model->entity->find(who);
                if (!field || field->type != pack::Type::ref) return staff_.with_role(who);
                const Json named = found.record.fields.value(who, Json());
                People out;
                for (const Json& each : named.is_array() ? named : Json::array({named})) {
                  if (!each.is_string()) continue;
                  for (std::string& person : staff_.of_organisation(each.get<std::string>()))
                    out.push_back(std::move(person));
                }
                return out;
              });
}

Result<bool> Desk::Records::has_role(sql::Session&, const std::string& person, const std::string& role) {
  if (role == kAdministrators) {
    const auto all = staff_.administrators();
    return std::find(all.begin(), all.end(), person) != all.end();
  }
  const auto found = staff_.find(person);
  return found && std::find(found->roles.begin(), found->roles.end(), role) != found->roles.end();
}

Result<bool> Desk::Records::is_here(sql::Session&, const std::string& person) {
  return staff_.find(person).has_value();
}

Status Desk::Records::set_state(sql::Session& session, const flow::About& about, const std::string& state) {
  return with(session, about,
              [&](record::Work& work, const record::Catalogue&, const Found& found) -> Status {
                return work.set_state(*found.model, found.record.id, state);
              });
}

Result<std::shared_ptr<const flow::Calendar>> Desk::Records::calendar(sql::Session& session,
                                                                      const std::string& name) {
  if (name.empty()) return std::make_shared<const flow::Calendar>();
  ASSIGN(const auto present, installation_.present(session));
  for (const pack::Pack& pack : present.catalogue->packs())
    for (const pack::Part& part : pack.calendars)
      if (part.name == name) return std::make_shared<const flow::Calendar>(flow::Calendar::of(part));
  return fail(Code::not_found, "cases.calendar_unknown", "{}", name);
}

}  // namespace chengxin::cases
