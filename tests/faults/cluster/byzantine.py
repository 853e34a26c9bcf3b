"""Members that break the protocol, and clocks that are wrong: with the engine's variant (variant.py), which all nodes run when a schedule
has one of these."""
import time

from faults import Fault


class Told(Fault):
    """The engines of these nodes do what the word says."""
    needs_variant = True
    word = ""

    def begin(self, cluster):
        for member in self.victims(cluster):
            member.tell_engine(self.word)

    def end(self, cluster):
        for member in self.victims(cluster):
            member.tell_engine("")


class SilentProposer(Told):
    """Does not propose when it is its turn."""
    word = "silent-proposer"


class WithheldExtension(Told):
    """Votes without the signature of the block decided before."""
    word = "withhold-extension"


class ForgedExtension(Told):
    word = "forged-extension"


class OversizedExtension(Told):
    """A megabyte where a signature should be."""
    word = "oversized-extension"


class EarlyExtension(Told):
    """Something where nothing is to be signed."""
    word = "early-extension"


class WithheldBlocks(Told):
    """Proposes, and gives the block to nobody; answers nobody who asks for blocks."""
    word = "withhold-blocks"


class EngineSyncError(Told):
    """The engine's syncs fail; it may end for it, and is started again when that is over."""
    mixes, word = False, "sync-error"

    def end(self, cluster):
        super().end(cluster)
        for member in self.victims(cluster):
            if not member.ready():
                member.kill()
                member.start()


class EngineSlowDisk(Told):
    word = "sync-slow"


class LieInSync(Told):
    """Claims a thousand blocks more than there are, and gives wrong ones to a node that was away and catches up."""
    mixes, word, seconds = False, "lie-in-sync", (10, 14)

    def draw(self, chooser):
        self.other = chooser.choice([number for number in self.nodes if number not in self.hits])

    def details(self):
        return f"to {self.other}"

    def begin(self, cluster):
        super().begin(cluster)
        self.is_away = True
        cluster.member(self.other).kill()

    def during(self, cluster, elapsed):
        if self.is_away and elapsed > 4:
            self.is_away = False
            cluster.member(self.other).launch()

    def end(self, cluster):
        cluster.member(self.other).launch()
        cluster.member(self.other).wait_started()
        super().end(cluster)


class CrashAtCommit(Told):
    """Platform and engine end together between two steps of a commit, again and again."""
    seconds = (6, 12)

    def during(self, cluster, elapsed):
        for member in self.victims(cluster):
            if not member.alive():
                member.launch()
                member.tell_engine(self.word)

    def end(self, cluster):
        super().end(cluster)
        for member in self.victims(cluster):
            member.launch()
        for member in self.victims(cluster):
            member.wait_started()


class CrashBeforeCommit(CrashAtCommit):
    """After FinalizeBlock, before Commit."""
    word = "crash-before-commit"


class CrashAfterCommit(CrashAtCommit):
    """After Commit, before the engine knows that."""
    word = "crash-after-commit"


class Skew(Fault):
    """The wall clocks of as many nodes as the cluster bears are wrong."""
    needs_variant = True
    seconds = (6, 12)
    choices = (-5000, 5000)

    def draw(self, chooser):
        self.ahead = [chooser.choice(self.choices) for _ in self.nodes]

    def details(self):
        return " ".join(f"{self.ahead[number - 1] / 1000:+} s" for number in self.hits)

    def begin(self, cluster):
        for member in self.victims(cluster):
            member.set_clock(self.ahead[member.number - 1])

    def end(self, cluster):
        for member in self.victims(cluster):
            member.set_clock(0)


class HourSkew(Skew):
    """What such a node takes in signed by itself may wait until its signature is valid: an hour."""
    choices = (-3_600_000, 3_600_000)

    def begin(self, cluster):
        self.since = time.monotonic()
        super().begin(cluster)

    def end(self, cluster):
        super().end(cluster)
        for member in self.victims(cluster):
            member.deferred.append((self.since, time.monotonic()))


class EveryClock(Skew):
    """Each node's clock is wrong in its own way."""
    mixes, choices = False, (-5000, -2000, 0, 1000, 5000)

    def draw(self, chooser):
        super().draw(chooser)
        self.hits = list(self.nodes)


KINDS = {
    "silent-proposer": SilentProposer, "withheld-extension": WithheldExtension, "forged-extension": ForgedExtension,
    "oversized-extension": OversizedExtension, "early-extension": EarlyExtension, "withheld-blocks": WithheldBlocks, "lie-in-sync": LieInSync,
    "engine-sync-error": EngineSyncError, "engine-slow-disk": EngineSlowDisk,
    "crash-before-commit": CrashBeforeCommit, "crash-after-commit": CrashAfterCommit,
    "skew": Skew, "hour-skew": HourSkew, "every-clock": EveryClock,
}
