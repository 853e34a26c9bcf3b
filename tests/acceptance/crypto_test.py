#!/usr/bin/env python3
"""Signatures by the file and by the request, judged against SM2 written from the standard alone (sm.py)."""
import base64
import json
import random
import sys

import sm
import support


def der(signature):
    def integer(data):
        data = data.lstrip(b"\0") or b"\0"
        data = b"\0" + data if data[0] & 0x80 else data
        return b"\2" + bytes([len(data)]) + data
    body = integer(signature[:32]) + integer(signature[32:])
    return b"\x30" + bytes([len(body)]) + body


def pem(point):
    """SubjectPublicKeyInfo of the curve (GB/T 35276 section 7.1)."""
    info = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + point
    text = base64.b64encode(info).decode()
    return "-----BEGIN PUBLIC KEY-----\n" + "\n".join(text[at:at + 64] for at in range(0, len(text), 64)) + "\n-----END PUBLIC KEY-----\n"


def base(data):
    return base64.b64encode(data).decode()


class Files(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = [sm.Key() for _ in range(5)]
        cls.original = cls.base / "original.bin"
        cls.original.write_bytes(random.randbytes(300_000))

    def items(self):
        """Signatures that hold, in every spelling that is taken."""
        out = []
        for n in range(60):
            key, message = self.keys[n % 5], random.randbytes(n)
            signature = key.sign(message)
            item = {"key": [key.public.hex(), base(key.public), pem(key.public)][n % 3],
                    "signature": [signature.hex(), base(signature), der(signature).hex(), base(der(signature))][n % 4]}
            if n % 5 == 0:
                item["digest"] = sm.sm3(key.z + message).hex()
            elif n % 5 == 1:
                item["message_hex"] = message.hex()
            else:
                item["message"] = base(message)
            if n % 2 and n % 5:
                item["id"] = "1234567812345678"
            out.append(item)
        return out

    def file(self, items, name="signatures"):
        path = self.folder(name) / "lines"
        path.write_text("".join(item if isinstance(item, str) else json.dumps(item) + "\n" for item in items), encoding="utf-8")
        return path

    def test_a_file_of_signatures_that_hold(self):
        items = self.items()
        content = self.original.read_bytes()
        signature = self.keys[0].sign(content)
        items.append({"key": self.keys[0].public.hex(), "signature": signature.hex(), "file": str(self.original)})
        done = self.cli("crypto", "verify", "--batch", self.file(items))
        self.assertEqual((done["checked"], done["valid"], done["invalid"], done["invalid_lines"]), (61, 61, 0, []))
        self.assertGreater(done["per_second"], 0)

    def test_every_path_names_the_same_bad_lines(self):
        items = self.items()
        bent = [3, 17, 40]
        for at in bent:
            items[at]["id"], items[at]["message"] = "another", items[at].pop("message", items[at].pop("message_hex", items[at].pop("digest", "")))
            items[at]["message"] = base(b"bent")
        items[50]["key"] = (items[50]["key"] if items[50]["key"][0] == "0" else self.keys[0].public.hex())[:-2] + "00"  # off the curve
        path = self.file(items)
        wrong = [line + 1 for line in [*bent, 50]]
        paths = 0
        for name in ("portable", "adx", "ifma"):
            done = self.platform.cli("crypto", "verify", "--batch", str(path), "--path", name)
            if done.code == 2:  # not on this processor
                self.assertNotEqual(name, "portable")
                continue
            paths += 1
            self.assertEqual((done.code, done.json["path"], done.json["invalid_lines"]), (1, name, wrong))
        self.assertGreater(paths, 0)
        without = support.command(["crypto", "verify", "--batch", path, "--path", "ifma"], environment={"CHENGXIN_CPU_WITHOUT": "ifma"})
        self.assertEqual(without.code, 2)
        lines = support.command(["crypto", "verify", "--batch", path, "--verdicts"])
        verdicts = [json.loads(line) for line in lines.out.splitlines()]
        self.assertEqual([one["line"] for one in verdicts if not one["valid"]], wrong)
        self.assertEqual((lines.code, len(verdicts)), (1, 60))

    def test_a_line_that_is_not_as_described(self):
        good = self.items()[:3]
        key, signature = self.keys[0].public.hex(), "11" * 64
        for number, line in enumerate(["{", "[]\n", "\n", {"key": key}, {"key": key, "signature": signature},
                                       {"key": key, "signature": "00", "message": ""},
                                       {"key": "04", "signature": signature, "message": ""},
                                       {"key": key, "signature": signature, "message": "?"},
                                       {"key": key, "signature": signature, "message": "", "digest": "00" * 32},
                                       {"key": key, "signature": signature, "digest": "00"},
                                       {"key": key, "signature": "30060201ff020101", "message": ""},
                                       {"key": key, "signature": signature, "message": 5}]):
            done = self.platform.cli("crypto", "verify", "--batch", str(self.file([*good, line], f"bad{number}")))
            self.assertEqual(done.code, 2, f"{line} {done}")
            self.assertIn("line 4", done.json["error"]["detail"], line)
        missing = self.platform.cli("crypto", "verify", "--batch", str(self.base / "nowhere"))
        self.assertEqual((missing.code, missing.reason), (4, "file.not_found"))

    def test_sixty_four_bytes_are_der_when_they_are_it_to_the_last(self):
        key = self.keys[0]
        while True:  # a digest that suits an r of 26 bytes
            k, r = random.randrange(1, sm.N), random.randrange(1 << 200, 1 << 207)
            s = key.inverse * (k - r * key.secret) % sm.N
            if s.bit_length() in range(250, 256):
                break
        digest = ((r - sm.multiply_base(k)[0]) % sm.N).to_bytes(32, "big").hex()
        plain = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        self.assertEqual((len(plain), len(der(plain))), (64, 64))
        items = [{"key": key.public.hex(), "digest": digest, "signature": form.hex()} for form in (plain, der(plain))]
        self.assertEqual(self.cli("crypto", "verify", "--batch", self.file(items))["valid"], 2)
        self.assertEqual(self.platform.post("/api/v1/crypto/verify", {"items": items})["valid"], 2)

    def test_nothing_to_check_is_not_verified(self):
        path = self.file([], "empty")
        for options in ([], ["--verdicts"]):
            done = self.platform.cli("crypto", "verify", "--batch", str(path), *options)
            self.assertEqual((done.code, done.reason), (2, "crypto.nothing_to_check"))

    def test_what_is_signed_by_the_file_holds(self):
        made = self.cli("key", "create", "signer")
        messages = [{"message": base(random.randbytes(n))} for n in range(20)] + [{"file": str(self.original)}]
        done = self.platform.cli("crypto", "sign", "--batch", str(self.file(messages, "messages")), "--key", "signer")
        self.assertEqual(done.code, 0, done)
        signed = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual({one["key"] for one in signed}, {made["public_key"]})
        verified = self.cli("crypto", "verify", "--batch", self.file(signed))
        self.assertEqual((verified["valid"], verified["invalid"]), (21, 0))

    def test_over_rest(self):
        items = self.items()
        items[7]["message"] = base(b"bent")
        items[7].pop("message_hex", None)
        items[7].pop("digest", None)
        answer = self.platform.post("/api/v1/crypto/verify", {"items": items})
        self.assertEqual([at for at, holds in enumerate(answer["verdicts"]) if not holds], [7])
        self.assertEqual((answer["valid"], answer["invalid"]), (59, 1))
        self.refused(self.platform.request("POST", "/api/v1/crypto/verify", {"items": [items[0], {**items[1], "signature": "00"}]}),
                     400, "crypto.signature_item")
        self.refused(self.platform.request("POST", "/api/v1/crypto/verify", {"items": [items[0]] * 10_001}), 400, "api.out_of_range")
        self.assertEqual(self.platform.post("/api/v1/crypto/verify", {"items": [items[0]] * 10_000})["valid"], 10_000)
        self.refused(self.platform.request("POST", "/api/v1/crypto/verify", {"items": items}, token=None), 401, "auth.missing")

    def test_the_benchmark_runs(self):
        figures = self.cli("bench", "sm2", "--seconds", "0.005", "--rounds", "1", "--keys", "64", "--table-mib", "16")
        self.assertGreater(len(figures["figures"]), 30)
        for figure in figures["figures"]:
            self.assertGreater(figure["median"], 0, figure)
        self.assertIn("exceptional_unknown", figures["ratios"])
        self.assertTrue(all(table["bytes_per_key"] > 0 for table in figures["tables"]))


if __name__ == "__main__":
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    random.seed(seed)
    sys.exit(support.run_tests("acceptance_crypto"))
