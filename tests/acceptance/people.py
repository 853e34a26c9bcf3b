"""People with keys and certificates who sign in: for the tests of accounts."""
import pathlib
import subprocess

import support

PASSWORD = "Rain-and-7-boats"
IDENTITY = "distid:1234567812345678"
ADMINISTRATORS = {"zhao.lei": "system-administrator", "qian.yu": "security-administrator", "sun.bo": "audit-administrator"}


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class People(support.Case):
    """A platform whose people have certificates of one authority."""

    @classmethod
    def start(cls, data, **keywords):
        cls.tokens = {}
        data = pathlib.Path(data)
        assert support.command(["init"], data).code == 0
        cls.authority(data.parent)
        with open(data / "chengxin.yaml", "a", encoding="utf-8") as file:
            file.write(f"access.roots: {data.parent / 'root.pem'}\naccess.crls: {data.parent / 'crl.pem'}\n")
            file.write(cls.settings(data.parent))
        assert support.command(["install", "seal"], data).code == 0
        return super().start(data, **keywords)

    @classmethod
    def settings(cls, _folder):
        """Of a test, beside the authority's."""
        return ""

    @classmethod
    def authority(cls, folder):
        openssl("genpkey", "-algorithm", "SM2", "-out", folder / "root.key")
        openssl("req", "-x509", "-new", "-key", folder / "root.key", "-sm3", "-sigopt", IDENTITY, "-days", "30", "-subj", "/CN=city",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", folder / "root.pem")
        (folder / "index.txt").write_text("")
        (folder / "number").write_text("01")
        (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/index.txt\ncrlnumber={folder}/number\n"
                                       "default_md=sm3\ndefault_crl_days=7\ncrl_extensions=list\n[list]\nauthorityKeyIdentifier=keyid\n")
        cls.revocations(folder)

    @classmethod
    def revocations(cls, folder, *words):
        openssl("ca", "-gencrl", "-config", folder / "ca.cnf", "-cert", folder / "root.pem", "-keyfile", folder / "root.key",
                "-sigopt", IDENTITY, *words, "-out", folder / "crl.pem")

    def certificate(self, name):
        """A key in the command line's folder and a certificate for it."""
        data, folder = self.platform.data, self.base
        self.cli("key", "create", name)
        key = data / f"keys/user/{name}.pem"
        (folder / "leaf.ext").write_text("keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:FALSE\n")
        openssl("req", "-new", "-key", key, "-sm3", "-sigopt", IDENTITY, "-subj", f"/CN={name}", "-out", folder / f"{name}.csr")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "root.pem", "-CAkey", folder / "root.key", "-sm3", "-sigopt",
                IDENTITY, "-vfyopt", IDENTITY, "-days", "20", "-CAcreateserial", "-extfile", folder / "leaf.ext", "-out", folder / f"{name}.pem")
        return folder / f"{name}.pem"

    def enter(self, name, password=PASSWORD, certificate=True, code=0, **keywords):
        words = ["--certificate", self.base / f"{name}.pem", "--key", name] if certificate else []
        return self.cli("user", "login", name, *words, code=code, environment={"CHENGXIN_PASSWORD": password}, **keywords)

    def first_entry(self, name, password, certificate=True):
        """Signs in with the temporary password and changes it."""
        session = self.enter(name, password, certificate)
        self.assertTrue(session["must_change"])
        changed = self.cli("user", "password", environment={"CHENGXIN_TOKEN": session["token"], "CHENGXIN_PASSWORD": password,
                                                            "CHENGXIN_NEW_PASSWORD": PASSWORD})
        self.tokens[name] = changed["token"]

    def by(self, who, *words, code=0):
        return self.cli("user", *words, code=code, environment={"CHENGXIN_TOKEN": self.tokens[who]})

    def call(self, who, method, path, body=None):
        status, _, answer = self.platform.request(method, path, body, token=self.tokens[who])
        return status, answer

    def three_administrators(self):
        for name, role in ADMINISTRATORS.items():
            added = self.cli("user", "add", name, "--role", role, "--certificate", self.certificate(name))
            self.first_entry(name, added["password"])

    def change_policy(self, *change):
        proposal = self.by("qian.yu", "propose", *change, "--key", "qian.yu")
        self.assertEqual(self.by("sun.bo", "approve", proposal["id"], "--key", "sun.bo")["state"], "applied")
