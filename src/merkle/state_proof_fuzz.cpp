#include "base/check.h"
#include "merkle/state_tree.h"

// The first byte chooses a key and how the rest is used: as the encoded proof itself, or as a mask over the
// genuine one. Nothing may verify but what the state holds, and a decoded proof has one spelling.
namespace {

using namespace chengxin;
using namespace chengxin::merkle;

struct State {
  std::map<Bytes, Bytes> nodes;
  Digest root{};
  StateNodeReader read = [this](ByteView key) -> Result<std::optional<Bytes>> {
    auto found = nodes.find(to_bytes(key));
    return found == nodes.end() ? std::nullopt : std::optional(found->second);
  };
  State() {
    StateUpdates updates;
    for (uint8_t key = 0; key < 64; ++key) updates[{key}] = Bytes{key, key};
    auto changes = update_state(0, 1, updates, read);
    nodes.insert(changes->put.begin(), changes->put.end());
    root = changes->root;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static State state;
  if (size == 0) return 0;
  const Bytes key{uint8_t(data[0] & 0x7f)};  // the half of these keys is not there
  const bool present = key[0] < 64;
  const Bytes value{key[0], key[0]};
  Bytes encoded(data + 1, data + size);
  if (data[0] & 0x80) {
    Bytes genuine = look_up_state(1, key, state.read)->proof.encode();
    for (size_t i = 0; i < genuine.size() && i < encoded.size(); ++i) genuine[i] ^= encoded[i];
    encoded = genuine;
  }
  auto proof = StateProof::decode(encoded);
  if (!proof) return 0;
  CHECK(proof->encode() == encoded);
  CHECK(!verify_state(state.root, key, value, *proof) || present);
  CHECK(!verify_state(state.root, key, std::nullopt, *proof) || !present);
  CHECK(!verify_state(state.root, key, Bytes{0xff}, *proof));
  return 0;
}
