"""SM3 (GB/T 32905), SM2 signatures (GB/T 32918.2), RFC 9162 trees and the formats of docs/formats/chain.md, written from the
standards and that page alone, so that what the platform says can be recomputed by somebody who has none of its code."""
import base64
import functools
import secrets
import struct

MASK = 0xFFFFFFFF


def _rotate(x, n):
    n %= 32
    return ((x << n) | (x >> (32 - n))) & MASK


_T = [_rotate(0x79CC4519 if j < 16 else 0x7A879D8A, j) for j in range(64)]


def _compress(state, block):
    w = list(struct.unpack(">16I", block))
    for j in range(16, 68):
        x = w[j - 16] ^ w[j - 9] ^ _rotate(w[j - 3], 15)
        w.append(x ^ _rotate(x, 15) ^ _rotate(x, 23) ^ _rotate(w[j - 13], 7) ^ w[j - 6])
    a, b, c, d, e, f, g, h = state
    for j in range(64):
        turned = _rotate(a, 12)
        ss1 = _rotate((turned + e + _T[j]) & MASK, 7)
        ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
        gg = e ^ f ^ g if j < 16 else (e & f) | (~e & g & MASK)
        tt1 = (ff + d + (ss1 ^ turned) + (w[j] ^ w[j + 4])) & MASK
        tt2 = (gg + h + ss1 + w[j]) & MASK
        a, b, c, d = tt1, a, _rotate(b, 9), c
        e, f, g, h = tt2 ^ _rotate(tt2, 9) ^ _rotate(tt2, 17), e, _rotate(f, 19), g
    return [x ^ y for x, y in zip(state, (a, b, c, d, e, f, g, h))]


def sm3(data):
    state = [0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E]
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + struct.pack(">Q", len(data) * 8)
    for at in range(0, len(padded), 64):
        state = _compress(state, padded[at:at + 64])
    return struct.pack(">8I", *state)


def tagged(tag, data):
    return sm3(tag.encode() + b"\0" + data)


# --- SM2. Points in Jacobian coordinates; None is infinity.
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
G = (0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
     0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0)


def _double(p):
    if p is None:
        return None
    x, y, z = p
    zz = z * z % P
    m = 3 * (x - zz) * (x + zz) % P
    yy = y * y % P
    s = 4 * x * yy % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def _add(p, q):
    """q has z = 1, and is neither p nor its opposite (never so for a random scalar's table walk)."""
    if p is None:
        return (q[0], q[1], 1)
    x, y, z = p
    zz = z * z % P
    h, r = (q[0] * zz - x) % P, (q[1] * zz * z - y) % P
    hh = h * h % P
    hhh, v = h * hh % P, x * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y * hhh) % P, z * h % P


def _affine(p):
    inverse = pow(p[2], -1, P)
    return p[0] * inverse * inverse % P, p[1] * inverse * inverse * inverse % P


@functools.cache
def _table():
    """32 rows of 255 multiples of G: row i for byte i of the scalar."""
    rows, base = [], (*G, 1)
    for _ in range(32):
        one = _affine(base)
        row, at = [one], _double((*one, 1))
        for _ in range(254):
            row.append(_affine(at))
            at = _add(at, one)
        rows.append(row)
        base = at
    return rows


def multiply_base(k):
    point = None
    for row, digit in zip(_table(), k.to_bytes(32, "little")):
        if digit:
            point = _add(point, row[digit - 1])
    return _affine(point)


def number(data):
    return int.from_bytes(data, "big")


class Key:
    """An SM2 key. `hash_of` may be a faster SM3 for those who sign many."""

    def __init__(self, secret=None, hash_of=sm3):
        self.secret, self.hash = secret or secrets.randbelow(N - 2) + 1, hash_of
        x, y = multiply_base(self.secret)
        self.public = b"\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.id = tagged("chengxin/key/v1", self.public)[:16]
        domain = b"".join(value.to_bytes(32, "big") for value in (A, B, *G, x, y))
        self.z = sm3(b"\x00\x80" + b"1234567812345678" + domain)
        self.inverse = pow(1 + self.secret, -1, N)

    @classmethod
    def from_pem(cls, pem):
        """A PKCS #8 key that is not encrypted: the first OCTET STRING of 32 bytes is the scalar."""
        der = base64.b64decode("".join(line for line in pem.splitlines() if "-" not in line))
        at = der.index(b"\x04\x20")
        return cls(number(der[at + 2:at + 34]))

    def sign(self, message):
        digest = number(self.hash(self.z + message))
        while True:
            k = secrets.randbelow(N - 1) + 1
            r = (digest + multiply_base(k)[0]) % N
            s = self.inverse * (k - r * self.secret) % N
            if r and s and r + k != N:
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public, message, signature, identity=b"1234567812345678"):
    """Whether a signature of 64 bytes holds under a point of 65 bytes (GB/T 32918.2 section 7)."""
    x, y, r, s = number(public[1:33]), number(public[33:]), number(signature[:32]), number(signature[32:])
    if len(public) != 65 or len(signature) != 64 or not (0 < r < N and 0 < s < N) or (r + s) % N == 0:
        return False
    domain = b"".join(value.to_bytes(32, "big") for value in (A, B, *G, x, y))
    z = sm3((len(identity) * 8).to_bytes(2, "big") + identity + domain)
    point = None
    for bit in f"{(r + s) % N:b}":
        point = _double(point)
        if bit == "1":
            point = _add(point, (x, y))
    point = _add((*_affine(point), 1), multiply_base(s))
    return (number(sm3(z + message)) + _affine(point)[0]) % N == r


# --- RFC 9162 trees
def leaf_hash(data):
    return sm3(b"\0" + data)


def node_hash(left, right):
    return sm3(b"\1" + left + right)


def root_of(leaves):
    """2.1.1, over leaf hashes."""
    if not leaves:
        return sm3(b"")
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:half]), root_of(leaves[half:]))


def inclusion_root(leaf, index, size, path):
    """2.1.3.2: the root that the path leads to, None when it cannot lead anywhere."""
    if index >= size:
        return None
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def consistent(first, second, first_root, second_root, path):
    """2.1.4.2."""
    if first == second:
        return not path and first_root == second_root
    path = list(path)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == second_root


# --- docs/formats/chain.md
def state_root(key, value, proof):
    """(root, kind) that a state proof of the key leads to; value None for absence."""
    path = tagged("chengxin/state-key/v1", key)
    kind, at = proof[0], 1
    other = None
    if kind == 2:
        other, at = (proof[1:33], proof[33:65]), 65
    count = struct.unpack(">H", proof[at:at + 2])[0]
    siblings = [proof[at + 2 + 32 * i:at + 34 + 32 * i] for i in range(count)]
    assert len(proof) == at + 2 + 32 * count and (kind == 1) == (value is not None)
    bits = f"{number(path):0256b}"
    if kind == 2:
        theirs = f"{number(other[0]):0256b}"
        assert theirs != bits and theirs[:count] == bits[:count]
    r = {0: bytes(32), 1: value is not None and leaf_hash(path + sm3(value)), 2: other and leaf_hash(other[0] + other[1])}[kind]
    for depth, sibling in zip(range(count - 1, -1, -1), siblings):
        r = node_hash(sibling, r) if bits[depth] == "1" else node_hash(r, sibling)
    return r, kind


class Header:
    def __init__(self, raw):
        assert len(raw) == 188
        self.raw, self.hash = raw, tagged("chengxin/header/v1", raw)
        self.version, self.chain, self.height, self.time_ms = struct.unpack(">I32sQQ", raw[:52])
        self.previous, self.log_size, self.log_root, self.state_root, self.validators_hash = struct.unpack(">32sQ32s32s32s", raw[52:])


def transaction_hash(body):
    return tagged("chengxin/tx/v1", body)


def log_leaf(body, receipt):
    return leaf_hash(transaction_hash(body) + tagged("chengxin/receipt/v1", receipt))


def sections(bundle):
    """The sections of a .cxproof file by type."""
    assert bundle[:8] == b"CXPROOF\1"
    out, at = {}, 8
    while at < len(bundle):
        kind, length = struct.unpack(">HI", bundle[at:at + 6])
        out[kind] = bundle[at + 6:at + 6 + length]
        at += 6 + length
    return out


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number_, value):
    """One protobuf field; what is zero or empty is left out, as the canonical form wants it."""
    if isinstance(value, int):
        return varint(number_ << 3) + varint(value) if value else b""
    return varint(number_ << 3 | 2) + varint(len(value)) + value if value else b""


def evidence_add(digests):
    """(call, attachment) that anchor digests."""
    items = b"".join(digests)
    arguments = field(1, root_of([leaf_hash(one) for one in digests])) + field(2, len(digests)) + field(3, 32)
    return field(1, b"evidence") + field(2, b"add") + field(3, arguments), items


def body_of(chain, signer, valid_from_ms, valid_until_ms, nonce, calls):
    return (field(1, chain) + field(2, signer) + field(3, valid_from_ms) + field(4, valid_until_ms) + field(5, nonce)
            + b"".join(field(6, one) for one in calls))


def envelope(body, signature, attachments):
    return field(1, body) + field(2, signature) + b"".join(field(3, one) for one in attachments)


def sign_digests(key, chain, digests, now_ms, valid_ms=3_600_000, nonce=None):
    """A signed transaction that anchors the digests: (envelope, body)."""
    call, items = evidence_add(digests)
    body = body_of(chain, key.id, now_ms - 60_000, now_ms - 60_000 + valid_ms, nonce or secrets.token_bytes(16), [call])
    return envelope(body, key.sign(b"chengxin/tx/v1\0" + body), [items]), body
