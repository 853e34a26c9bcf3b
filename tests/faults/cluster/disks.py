"""Faults of disks, and of what stands on them."""
import pathlib
import shutil
import time

import faultlib
import members
from faults import Fault, Kill

CHAIN_FOLDER = f"chains/{members.CHAIN}"
ENGINE_FOLDER = f"engine/{members.CHAIN}/engine"


class Shimmed(Fault):
    """The platform runs with its files under the shim; then as usual. When it ended meanwhile it is started again, as an operator would."""
    seconds = (8, 14)

    def begin(self, cluster):
        for member in self.victims(cluster):
            member.kill()
            member.extra = faultlib.shim_variables(member.data, **self.settings)
            member.launch()

    def details(self):
        return " ".join(f"{name}={value}" for name, value in self.settings.items())

    def end(self, cluster):
        for member in self.victims(cluster):
            if not member.alive():
                print(f"   {member.name} had ended: {member.process.returncode}")
            member.kill()
            member.extra = {}
            shutil.rmtree(f"{member.data}.graves", ignore_errors=True)
            member.launch()
        for member in self.victims(cluster):
            member.wait_started()


class PowerCut(Shimmed):
    """What was not synced may be gone, or half there."""

    def draw(self, chooser):
        self.settings = {"mode": "powercut", "at": chooser.randint(1, 3000), "seed": chooser.randrange(1 << 32)}


class SyncError(Shimmed):
    def draw(self, chooser):
        self.settings = {"mode": "fail", "kinds": "sync", "error": "EIO", "at": chooser.randint(1, 400), "forever": chooser.randrange(2)}


class WriteError(Shimmed):
    def draw(self, chooser):
        self.settings = {"mode": "fail", "kinds": "open,write,name", "error": chooser.choice(("EIO", "ENOSPC")), "at": chooser.randint(1, 2000),
                         "forever": chooser.randrange(2)}


class SlowDisk(Shimmed):
    def draw(self, chooser):
        self.settings = {"mode": "slow", "delay_us": chooser.choice((5_000, 20_000, 80_000))}


class FullDisk(Fault):
    """The node's disk is a small one of its own, and something else fills it to the last byte. When there is room again the platform is
    started anew if it ended or does not say that it is ready."""
    mixes, seconds = False, (8, 14)

    def begin(self, cluster):
        for member in self.victims(cluster):
            member.move_to_own_disk()
            member.fill_disk()

    def end(self, cluster):
        for member in self.victims(cluster):
            member.make_room()
            if not member.ready():
                member.kill()
                member.start()


class BitFlip(Fault):
    """One bit of one file of a stopped node. It may serve or refuse to start, but not lie. After that it gets back the copy that was made
    before, with what it signed since, and may have forgotten what came between."""
    mixes = False

    def draw(self, chooser):
        self.file, self.at, self.bit = chooser.random(), chooser.random(), chooser.randrange(8)

    def begin(self, cluster):
        self.since = time.monotonic()
        for member in self.victims(cluster):
            member.kill()
            members.copy(member.data, f"{member.data}.copy")
            files = sorted(path for path in member.data.rglob("*") if path.is_file() and path.stat().st_size)
            path = files[int(self.file * len(files))]
            content = bytearray(path.read_bytes())
            content[int(self.at * len(content))] ^= 1 << self.bit
            path.write_bytes(content)
            print(f"   {member.name}: {path.relative_to(member.data)}, byte {int(self.at * len(content))} of {len(content)}")
            member.launch()

    def end(self, cluster):
        for member in self.victims(cluster):
            if not member.alive():
                print(f"   {member.name} had ended: {member.process.returncode}: {member.tail(300).splitlines()[-1]}")
            member.kill()
            copy = pathlib.Path(f"{member.data}.copy")
            for state in copy.glob("consortium/engine-keys/*/sign-state.json"):
                shutil.copy(member.data / state.relative_to(copy), state)
            shutil.rmtree(member.data)
            copy.rename(member.data)
            member.forgot.append((self.since, time.monotonic()))
            member.start()


class TornLog(Kill):
    """The engine's log of what it was doing ends in the middle of a record, or in rubbish."""

    def draw(self, chooser):
        self.cut, self.rubbish = chooser.randint(0, 400), chooser.randbytes(chooser.choice((0, 0, 7, 300)))

    def details(self):
        return f"{self.cut} bytes less, {len(self.rubbish)} of rubbish"

    def end(self, cluster):
        for member in self.victims(cluster):
            log = member.data / ENGINE_FOLDER / "data/cs.wal/wal"
            content = log.read_bytes()
            log.write_bytes(content[:max(0, len(content) - self.cut)] + self.rubbish)
        super().end(cluster)


class AppBehind(Fault):
    """The ledger is put back to what it was some time ago; the engine is where it was, and tells it again."""
    mixes, seconds, folder = False, (6, 12), CHAIN_FOLDER

    def begin(self, cluster):
        self.since = time.monotonic()
        for member in self.victims(cluster):
            member.kill()
            members.copy(member.data / self.folder, f"{member.data}.older")
            member.start()

    def end(self, cluster):
        for member in self.victims(cluster):
            member.kill()
            shutil.rmtree(member.data / self.folder)
            shutil.move(f"{member.data}.older", member.data / self.folder)
            member.forgot.append((self.since, time.monotonic()))
            member.start()


class AppAhead(AppBehind):
    """The engine's stores are put back to what they were some time ago; the ledger is where it was, and so is what the key signed."""
    folder = ENGINE_FOLDER


class LostState(Kill):
    """What the engine's key signed last is gone: it must not sign before the others have decided what it may have voted on."""

    def end(self, cluster):
        for member in self.victims(cluster):
            (member.data / f"consortium/engine-keys/{members.CHAIN}/sign-state.json").unlink()
        super().end(cluster)


class LostEngine(Kill):
    """The engine's stores are gone."""

    def end(self, cluster):
        for member in self.victims(cluster):
            shutil.rmtree(member.data / ENGINE_FOLDER)
        super().end(cluster)


class Twin(Fault):
    """Two nodes with the keys of one: a copy of its folder runs on another host. They contradict each other, and the others go on."""
    mixes, seconds = False, (8, 14)

    def aim(self, hits):
        self.hits = list(hits)[:1]

    def draw(self, chooser):
        self.aim(self.hits)

    def begin(self, cluster):
        for member in self.victims(cluster):
            member.kill()
            members.copy(member.data, cluster.twin.data)
            member.start()
            cluster.twin.start()

    def end(self, cluster):
        cluster.twin.kill()
        cluster.twin.remove_data()


KINDS = {
    "power-cut": PowerCut, "sync-error": SyncError, "write-error": WriteError, "slow-disk": SlowDisk, "full-disk": FullDisk,
    "bit-flip": BitFlip, "torn-log": TornLog, "app-behind": AppBehind, "app-ahead": AppAhead, "lost-state": LostState,
    "lost-engine": LostEngine, "twin": Twin,
}
