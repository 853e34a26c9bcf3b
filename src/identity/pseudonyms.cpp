#include "identity/impl/session.h"

// Pseudonyms of people in scenes, and orders to tell who one is.
namespace chengxin::identity {
namespace {

Status register_pseudonyms(Session& session) {
  ASSIGN(const auto call, session.arguments<RegisterPseudonyms>());
  if (!is_name(call.scene)) return refused("identity.scene");
  if (call.pseudonyms.empty() || call.pseudonyms.size() > kMaxBatch) return refused("identity.batch");
  TRY(session.registrar(Right::pseudonym));
  for (const NewPseudonym& each : call.pseudonyms) {
    ASSIGN(auto person, session.read(nullifier_key(call.scene, each.nullifier)));
    if (person) return refused("identity.one_pseudonym");
    ASSIGN(auto there, session.read(pseudonym_key(call.scene, each.pseudonym)));
    if (there) return refused("identity.pseudonym_exists");
    session.put_bytes(nullifier_key(call.scene, each.nullifier), to_bytes(each.pseudonym));
    session.put(pseudonym_key(call.scene, each.pseudonym),
                Pseudonym{each.nullifier, session.context.signer, session.context.height, false});
  }
  session.tell("register_pseudonyms", {big_endian(call.pseudonyms.size()), view(call.scene)});
  return {};
}

Result<Pseudonym> pseudonym_of(const Session& session, std::string_view scene, const Digest& pseudonym) {
  ASSIGN(auto found, read_record<Pseudonym>(session.read, pseudonym_key(scene, pseudonym)));
  if (!found) return refused("identity.no_pseudonym");
  return std::move(*found);
}

// The nullifier stays: who left a scene does not come again as somebody else.
Status close_pseudonym(Session& session) {
  ASSIGN(const auto call, session.arguments<ClosePseudonym>());
  TRY(session.registrar(Right::pseudonym));
  ASSIGN(Pseudonym found, pseudonym_of(session, call.scene, call.pseudonym));
  if (found.closed) return refused("identity.pseudonym_closed");
  found.closed = true;
  session.put(pseudonym_key(call.scene, call.pseudonym), found);
  session.tell("close_pseudonym", {call.pseudonym, view(call.scene)});
  return {};
}

Status propose_order(Session& session) {
  ASSIGN(const auto call, session.arguments<ProposeOrder>());
  TRY(session.registrar(Right::order));
  TRY(pseudonym_of(session, call.scene, call.pseudonym));
  ASSIGN(Totals totals, totals_of(session.read));
  const uint64_t number = ++totals.orders;
  Order order;
  order.scene = call.scene;
  order.pseudonym = call.pseudonym;
  order.grounds = call.grounds;
  order.proposer = session.context.signer;
  order.proposed_ms = session.now_ms();
  session.put(kTotalsKey, totals);
  session.put(order_key(number), order);
  session.tell("propose_order", {big_endian(number), call.pseudonym});
  put_be(session.result.output, number);
  return {};
}

Result<Order> order_of(const Session& session, uint64_t number) {
  ASSIGN(auto found, read_record<Order>(session.read, order_key(number)));
  if (!found) return refused("identity.no_order");
  return std::move(*found);
}

// Two keys of one subject are one pair of eyes.
Result<bool> same_eyes(const Session& session, const KeyId& a, const KeyId& b) {
  if (a == b) return true;
  ASSIGN(auto one, read_record<KeyOwner>(session.read, owner_key(a)));
  ASSIGN(auto other, read_record<KeyOwner>(session.read, owner_key(b)));
  return one && other && one->subject == other->subject;
}

Status judge_order(Session& session) {
  ASSIGN(const auto call, session.arguments<JudgeOrder>());
  TRY(session.registrar(Right::approve));
  ASSIGN(Order order, order_of(session, call.number));
  if (order.status != OrderStatus::proposed) return refused("identity.order_decided");
  ASSIGN(const bool same, same_eyes(session, order.proposer, session.context.signer));
  if (same) return forbidden("identity.same_eyes");
  order.status = call.yes ? OrderStatus::approved : OrderStatus::rejected;
  order.judge = session.context.signer;
  order.judged_ms = session.now_ms();
  session.put(order_key(call.number), order);
  session.tell("judge_order", {big_endian(call.number), order.pseudonym});
  return {};
}

Status execute_order(Session& session) {
  ASSIGN(const auto call, session.arguments<ExecuteOrder>());
  TRY(session.registrar(Right::pseudonym));
  ASSIGN(Order order, order_of(session, call.number));
  if (order.status != OrderStatus::approved) return refused("identity.order_not_approved");
  order.status = OrderStatus::executed;
  order.manager = session.context.signer;
  order.outcome = call.outcome;
  order.executed_ms = session.now_ms();
  session.put(order_key(call.number), order);
  session.tell("execute_order", {big_endian(call.number), order.pseudonym});
  return {};
}

}  // namespace

std::vector<Row> pseudonym_methods() {
  return {{"register_pseudonyms", register_pseudonyms},
          {"close_pseudonym", close_pseudonym},
          {"propose_order", propose_order},
          {"judge_order", judge_order},
          {"execute_order", execute_order}};
}

}  // namespace chengxin::identity
