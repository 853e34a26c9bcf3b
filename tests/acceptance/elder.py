"""A chain of other days in one file (docs/formats/chain-export.md), made without the platform: what takes a day to grow old
can be tried at once, and an import shows that the formats' pages are enough to write a chain that the ledger takes bit for bit."""
import json
import struct

import sm


def length(data):
    return struct.pack(">I", len(data)) + data


def state_root(pairs, depth=0):
    """The sparse tree over (path, leaf) pairs."""
    if len(pairs) < 2:
        return pairs[0][1] if pairs else bytes(32)
    sides = [], []
    for path, leaf in pairs:
        sides[sm.number(path) >> (255 - depth) & 1].append((path, leaf))
    return sm.node_hash(state_root(sides[0], depth + 1), state_root(sides[1], depth + 1))


def receipt_of(arguments, item, height, time_ms):
    output = sm.root_of([sm.leaf_hash(item)]) + struct.pack(">Q", 1)
    events = b"\0\1" + struct.pack(">H", 8) + b"evidence" + struct.pack(">H", 5) + b"added" + length(output)
    gas = 1000 + len(arguments) + len(item)
    return struct.pack(">IQQQ", 0, gas, height, time_ms) + sm.tagged("chengxin/events/v1", events) + sm.tagged("chengxin/output/v1", output)


def chain_file(name, validator, writer, digests, time_ms):
    """One block, a second apart, for each digest. `validator` and `writer` are sm.Key."""
    genesis = json.dumps({"accounts": [{"public_key": writer.public.hex(), "roles": ["governor", "writer"]}], "created_ms": time_ms,
                          "format": "chengxin/genesis/v1", "limits": {"max_block_bytes": 8388608, "max_transaction_bytes": 4194304,
                                                                      "max_validity_ms": 86400000}, "name": name, "salt": "5a" * 16,
                          "validators": [{"public_key": validator.public.hex(), "weight": 1}]}, sort_keys=True, separators=(",", ":")).encode()
    chain = sm.sm3(genesis)
    validators = b"\0\1" + validator.public + struct.pack(">Q", 1)
    state = {b"chain/validators": validators, b"key/" + writer.id: b"\1" + writer.public + b'["governor","writer"]'}
    paths = [(sm.tagged("chengxin/state-key/v1", key), value) for key, value in state.items()]
    root = state_root([(path, sm.leaf_hash(path + sm.sm3(value))) for path, value in paths])
    out, leaves, previous = [b"CXCHAIN\1", length(genesis), struct.pack(">Q", len(digests))], [], chain
    for height, digest in enumerate(digests, 1):
        now = time_ms + 1000 * height
        arguments = sm.field(1, sm.root_of([sm.leaf_hash(digest)])) + sm.field(2, 1) + sm.field(3, 32)
        envelope, body = sm.sign_digests(writer, chain, [digest], now)
        leaves.append(sm.log_leaf(body, receipt_of(arguments, digest, height, now)))
        header = struct.pack(">I32sQQ32sQ", 1, chain, height, now, previous, height) + sm.root_of(leaves) + root
        header += sm.tagged("chengxin/validators/v1", validators)
        previous = sm.tagged("chengxin/header/v1", header)
        certificate = b"\0\1\0\0" + validator.sign(b"chengxin/certificate/v1\0" + previous)
        out += [header, length(certificate), length(envelope)]
    data = b"".join(out)
    return data + sm.sm3(data)
