#include <algorithm>

#include "consortium/impl/service.h"
#include "crypto/random.h"

// Who this node is, as long as nobody else knows it: what an init or a join that came to nothing has left is
// taken up by the next, with the names and the address that this one gives.
namespace chengxin::consortium {

// Whether it is a member of a chain, or its joining is voted on.
bool ServiceImpl::known_to_others() const {
  if (own() && !chains_.list().empty()) return true;
  std::lock_guard lock(mutex_);
  return !kept_chains_.empty() || std::ranges::any_of(joinings_, [](const auto& each) {
    const std::string state = each.second.at("state").template get<std::string>();
    return state == "joined" || state == "proposed";
  });
}

// Its identity, and what it asked for under it.
Status ServiceImpl::forget() {
  std::lock_guard turn(links_turn_);
  drop_links();
  TRY(Identity::remove(options_.folder));
  std::lock_guard lock(mutex_);
  identity_.reset();
  links_trouble_.reset();
  for (const auto& [id, joining] : joinings_) joining_files_.remove(id);
  joinings_.clear();
  return {};
}

// Only while it is not known to others. Links are to be opened after it.
Status ServiceImpl::become(const Names& names) {
  TRY(check_names(names));
  if (auto identity = own()) {
    Names moved = identity->names();
    moved.address = names.address;
    if (moved == names) return change_address(names.address);
  }
  TRY(forget());
  TRY(Identity::create(options_.folder, names, options_.validator_key, now()));
  ASSIGN(Identity made, Identity::open(options_.folder, options_.validator_key));
  std::lock_guard lock(mutex_);
  identity_ = std::move(made);
  return {};
}

// Its keys stay: an inviter that cannot be reached any more may have proposed them.
Status ServiceImpl::change_address(const std::string& address) {
  Documents asked;
  {
    std::lock_guard lock(mutex_);
    if (identity_->names().address == address) return {};
    TRY(identity_->set_address(address));
    asked = joinings_;
  }
  for (auto& [id, joining] : asked) {
    joining["node"]["address"] = address;
    TRY(keep(joining_files_, joinings_, id, std::move(joining)));
  }
  std::lock_guard turn(links_turn_);
  drop_links();
  return {};
}

Result<Json> ServiceImpl::init(const NewIdentity& what) {
  std::lock_guard turn(turn_);
  if (known_to_others())
    return fail(Code::conflict, "consortium.identity_exists", "this node belongs to an organisation already");
  if (!format::valid_name(what.chain)) return fail(Code::invalid_argument, "chain.name", "{}", what.chain);
  TRY(check_names(what.names));
  TRY(forget());
  if (auto begun = begin_chain(what); !begun) {
    if (!known_to_others()) TRY(forget());
    return tl::unexpected(begun.error());
  }
  refresh();
  return identity();
}

Status ServiceImpl::begin_chain(const NewIdentity& what) {
  TRY(become(what.names));
  ASSIGN(Identity identity, own());
  TRY(open_links());
  ASSIGN(EngineKeys engine, chains_.engine_keys(what.chain));
  format::Genesis genesis;
  genesis.name = what.chain;
  genesis.created_ms = now();
  crypto::random_fill(genesis.salt);
  genesis.protocol = what.protocol;
  ASSIGN(auto organisation, identity.organisation());
  genesis.consortium = format::Consortium{
      {organisation}, {identity.node(engine, options_.service_key, format::NodeRole::voter)}, {}};
  genesis.consortium->approval = format::Approval::two_thirds;
  complete(genesis);
  return chains_.start(genesis.encode());
}

}  // namespace chengxin::consortium
