#pragma once
#include "cases/desk.h"

namespace chengxin::cases {

// What processes ask of the records and people of an installation. A record is called ENTITY/ID by them.
class Desk::Records : public flow::Outside {
 public:
  Records(record::Installation& installation, const Staff& staff)
      : installation_(installation), staff_(staff) {}

  // Beside a role's name: who gets what nobody else can do. No pack can have a role of this name.
  static constexpr std::string_view kAdministrators = "@administrators";

  struct Found {
    const record::Model* model = nullptr;
    record::Stored record;
  };
  // record.not_found.
  static Result<Found> load(record::Work& work, const record::Catalogue& catalogue,
                            const std::string& called);

  Result<bool> holds(sql::Session& session, const flow::About& about, const flow::Step& step) override;
  Result<Decision> decide(sql::Session& session, const flow::About& about, const flow::Step& step) override;
  Result<std::vector<std::string>> people(sql::Session& session, const flow::About& about,
                                          const std::string& who) override;
  Result<bool> has_role(sql::Session& session, const std::string& person, const std::string& role) override;
  Result<bool> is_here(sql::Session& session, const std::string& person) override;
  Status set_state(sql::Session& session, const flow::About& about, const std::string& state) override;
  Result<std::shared_ptr<const flow::Calendar>> calendar(sql::Session& session,
                                                         const std::string& name) override;

  const Staff& staff() const { return staff_; }

 private:
  // Does something with the record of a case, in the name of who began it.
  template <typename Task>
  auto with(sql::Session& session, const flow::About& about, Task task);

  record::Installation& installation_;
  const Staff& staff_;
};

}  // namespace chengxin::cases
