"""A MinIO server of a test's own (third_party/minio), on a port of loopback, with random credentials and one bucket, `chengxin`."""
import os
import pathlib
import secrets
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Minio:
    def __init__(self):
        self.program = subprocess.run([ROOT / "third_party/minio/build"], check=True, capture_output=True, text=True).stdout.strip()
        self.folder = tempfile.TemporaryDirectory(prefix="cx-minio-")
        self.data = pathlib.Path(self.folder.name) / "data"
        (self.data / "chengxin").mkdir(parents=True)
        self.user, self.password = "cx" + secrets.token_hex(8), secrets.token_hex(16)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        environment = {**os.environ, "MINIO_ROOT_USER": self.user, "MINIO_ROOT_PASSWORD": self.password, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off",
                       "HOME": self.folder.name}
        with open(f"{self.folder.name}/log", "ab") as log:
            self.process = subprocess.Popen([self.program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}", self.data],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(pathlib.Path(self.folder.name, "log").read_text(encoding="utf-8")[-2000:]) from error
                time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.kill()
        self.folder.cleanup()

    def objects(self):
        """The ids of what is in the bucket, as it lies on the server's disk."""
        return {path.name for path in (self.data / "chengxin").rglob("*") if len(path.name) == 32}
