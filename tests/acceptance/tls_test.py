#!/usr/bin/env python3
"""The interface over TLS 1.3, TLS 1.3 with SM algorithms and TLCP, as `server.tls` says, with certificates of another program."""
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

import support

LEAVES = {  # the key's use in each certificate
    "sign": "digitalSignature",
    "encrypt": "keyEncipherment,dataEncipherment,keyAgreement",
}


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_certificates(folder, algorithm, address="127.0.0.1"):
    """A root and a leaf for each use; the file of a leaf holds its root too."""
    digest = "-sm3" if algorithm == "SM2" else "-sha256"
    kind = ["-algorithm", "SM2"] if algorithm == "SM2" else ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    identity = ["-sigopt", "distid:1234567812345678"] if algorithm == "SM2" else []
    asked = ["-vfyopt", "distid:1234567812345678"] if algorithm == "SM2" else []
    openssl("genpkey", *kind, "-out", folder / "root.key")
    openssl("req", "-x509", "-new", "-key", folder / "root.key", digest, *identity, "-days", "30", "-subj", f"/CN=root of {folder.name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", folder / "root.pem")
    for name, usage in LEAVES.items():
        extensions = folder / f"{name}.ext"
        extensions.write_text(f"keyUsage=critical,{usage}\nextendedKeyUsage=serverAuth\nsubjectAltName=IP:{address}\n"
                              "basicConstraints=critical,CA:FALSE\n", encoding="utf-8")
        openssl("genpkey", *kind, "-out", folder / f"{name}.key")
        openssl("req", "-new", "-key", folder / f"{name}.key", digest, *identity, "-subj", "/CN=server", "-out", folder / f"{name}.csr")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "root.pem", "-CAkey", folder / "root.key", digest, *identity,
                *asked, "-days", "30", "-CAcreateserial", "-extfile", extensions, "-out", folder / f"{name}.pem")
        (folder / f"{name}.key").chmod(0o600)
    leaf = (folder / "sign.pem").read_text(encoding="utf-8")
    (folder / "server.pem").write_text(leaf + (folder / "root.pem").read_text(encoding="utf-8"), encoding="utf-8")


class Relay:
    """Between a client and the platform: what the platform says first, and what passes in clear."""

    def __init__(self, port):
        self.heard, self.to = b"", port
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.socket.accept()  # ends when the test closes it
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, True), daemon=True).start()

    def carry(self, source, target, heard):
        try:
            while data := source.recv(1 << 16):
                if heard:
                    self.heard += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Interface(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.base = pathlib.Path(folder.name)
        for name in ("SM2", "EC", "other-SM2", "other-EC"):
            (cls.base / name).mkdir()
            make_certificates(cls.base / name, name.rsplit("-", 1)[-1])

    def start(self, protocol, algorithm):
        data, made = self.base / protocol, self.base / algorithm
        self.assertEqual(support.command(["init"], data).code, 0)
        lines = [f"server.tls: {protocol}", f"server.tls_certificate: {made / 'server.pem'}", f"server.tls_key: {made / 'sign.key'}"]
        if protocol == "tlcp":
            lines += [f"server.tls_encrypt_certificate: {made / 'encrypt.pem'}", f"server.tls_encrypt_key: {made / 'encrypt.key'}"]
        with open(data / "chengxin.yaml", "a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.assertEqual(support.command(["install", "seal"], data).code, 0)
        platform = support.Platform(data)
        self.addCleanup(platform.stop)
        self.assertTrue(platform.url.startswith("tlcp://" if protocol == "tlcp" else "https://"), platform.url)
        return platform

    def serves(self, platform, algorithm):
        """The own commands, and those of another machine that has the root and a token."""
        original = platform.data.parent / f"{platform.data.name}.txt"
        original.write_text("合同", encoding="utf-8")
        added = platform.cli("evidence", "add", str(original), "--wait")
        self.assertEqual(added.code, 0, added)
        relay = Relay(platform.port)
        self.addCleanup(relay.socket.close)
        url = f"{platform.url.split(':', 1)[0]}://127.0.0.1:{relay.port}"

        def ask(root):
            return support.command(["--json", "--server", url, "--root", root, "chain", "list"], platform.data,
                                   {"CHENGXIN_TOKEN": platform.token})

        done = ask(self.base / algorithm / "root.pem")
        self.assertEqual(done.code, 0, done)
        self.assertIn("default", json.dumps(done.json))
        self.assertNotIn(b"default", relay.heard)
        refused = ask(self.base / f"other-{algorithm}/root.pem")
        self.assertNotEqual(refused.code, 0, refused)
        self.assertTrue(refused.reason.startswith(("crypto.", "tls.", "client.")), refused)
        return relay.heard

    def refuses_plain(self, platform):
        with socket.create_connection(("127.0.0.1", platform.port), timeout=10) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            try:
                self.assertNotIn(b"HTTP/1.1 200", plain.recv(1 << 16))
            except OSError:
                pass

    def python_client(self, platform, root, highest=ssl.TLSVersion.MAXIMUM_SUPPORTED):
        context = ssl.create_default_context(cafile=root)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, highest
        with context.wrap_socket(socket.create_connection(("127.0.0.1", platform.port), timeout=10), server_hostname="127.0.0.1") as link:
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return link.version(), link.recv(1 << 16)

    def test_tls13(self):
        platform = self.start("tls13", "EC")
        self.serves(platform, "EC")
        self.refuses_plain(platform)
        version, answer = self.python_client(platform, self.base / "EC/root.pem")
        self.assertEqual(version, "TLSv1.3")
        self.assertIn(b"200", answer.split(b"\r\n")[0])
        with self.assertRaises(OSError):
            self.python_client(platform, self.base / "EC/root.pem", ssl.TLSVersion.TLSv1_2)
        with self.assertRaises(ssl.SSLError):
            self.python_client(platform, self.base / "other-EC/root.pem")

    def test_tls13_sm(self):
        platform = self.start("tls13_sm", "SM2")
        heard = self.serves(platform, "SM2")
        self.assertEqual(heard[:1] + heard[5:6], b"\x16\x02", "a ServerHello")
        session = heard[43]
        self.assertEqual(heard[44 + session:46 + session], b"\x00\xc6", "TLS_SM4_GCM_SM3 (RFC 8998)")
        self.refuses_plain(platform)
        with self.assertRaises(OSError, msg="a client without the SM suites"):
            self.python_client(platform, self.base / "SM2/root.pem")

    def test_tlcp(self):
        platform = self.start("tlcp", "SM2")
        heard = self.serves(platform, "SM2")
        self.assertEqual(heard[:3], b"\x16\x01\x01", "the record version of TLCP 1.1 (GB/T 38636)")
        session = heard[43]
        self.assertEqual(heard[44 + session:46 + session], b"\xe0\x53", "ECC_SM4_GCM_SM3")
        self.refuses_plain(platform)
        with self.assertRaises(OSError):
            self.python_client(platform, self.base / "SM2/root.pem")

    def test_what_does_not_fit_is_named(self):
        data = self.base / "unfit"
        self.assertEqual(support.command(["init"], data).code, 0)
        with open(data / "chengxin.yaml", "a", encoding="utf-8") as file:
            file.write(f"server.tls: tls13_sm\nserver.tls_certificate: {self.base / 'SM2/server.pem'}\n"
                       f"server.tls_key: {self.base / 'other-SM2/sign.key'}\n")
        support.command(["install", "seal"], data)
        done = support.command(["--json", "serve"], data)
        self.assertNotEqual(done.code, 0)
        self.assertIn("crypto.tls_identity", done.out + done.err)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_tls"))
