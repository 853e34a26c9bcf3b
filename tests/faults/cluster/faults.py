"""The faults that a schedule is made of. A fault draws all it needs when it is made (so that the seed says it all), is begun, told of
the passing time, and ended: then everything is as before, and the nodes must recover by themselves."""
import itertools

import cables


class Fault:
    name = ""           # in schedules; set by the table of all kinds
    seconds = (4, 10)   # for how long, about
    mixes = True        # may come together with another
    needs_variant = False  # of the engine
    needs_next = False     # another version of the program
    borne = True        # the cluster goes on meanwhile
    too_many = False    # hits one more than the cluster bears

    def __init__(self, chooser, nodes):
        self.nodes = range(1, nodes + 1)
        bears = (nodes - 1) // 3
        self.hits = sorted(chooser.sample(self.nodes, bears + 1 if self.too_many else chooser.randint(1, bears)))
        self.draw(chooser)

    def draw(self, chooser):
        """What it needs besides the nodes that it hits."""

    def aim(self, hits):
        self.hits = list(hits)

    def details(self):
        return ""

    def __str__(self):
        return " ".join(part for part in (self.name, f"on {','.join(map(str, self.hits))}" if self.hits else "", self.details()) if part)

    def victims(self, cluster):
        return [cluster.member(number) for number in self.hits]

    def begin(self, cluster):
        raise NotImplementedError

    def during(self, cluster, elapsed):
        """Called a few times a second."""

    def end(self, cluster):
        raise NotImplementedError


# --- Processes

class Kill(Fault):
    def begin(self, cluster):
        for member in self.victims(cluster):
            member.kill()

    def end(self, cluster):
        for member in self.victims(cluster):
            member.launch()
        for member in self.victims(cluster):
            member.wait_started()


class AtMoments(Fault):
    """The same again and again, at moments drawn before."""
    moments_drawn, longest_pause = 8, 2.5

    def draw(self, chooser):
        self.moments = list(itertools.accumulate(chooser.uniform(0.2, self.longest_pause) for _ in range(self.moments_drawn)))

    def begin(self, cluster):
        self.left = list(self.moments)

    def during(self, cluster, elapsed):
        while self.left and self.left[0] < elapsed:
            self.left.pop(0)
            for member in self.victims(cluster):
                self.strike(member)


class KillAgainAndAgain(AtMoments):
    """Killed while it starts, or soon after."""
    seconds = (6, 10)

    def strike(self, member):
        member.kill()
        member.launch()

    def end(self, cluster):
        for member in self.victims(cluster):
            member.wait_started()


class ThirdDown(Kill):
    """One more than the cluster bears."""
    too_many, borne, mixes = True, False, False


class StopWithoutQuorum(ThirdDown):
    """While nothing is ordered, and things wait for it, one more is stopped as an operator does it."""

    def draw(self, chooser):
        self.last = chooser.choice([number for number in self.nodes if number not in self.hits])

    def details(self):
        return f"then {self.last}"

    def begin(self, cluster):
        super().begin(cluster)
        self.is_up = True

    def during(self, cluster, elapsed):
        if self.is_up and elapsed > 2:
            self.is_up = False
            cluster.member(self.last).stop()

    def end(self, cluster):
        cluster.member(self.last).launch()
        super().end(cluster)
        cluster.member(self.last).wait_started()


class AllDown(Kill):
    borne, mixes = False, False

    def draw(self, chooser):
        self.hits = list(self.nodes)


class KillEngine(AtMoments):
    """The engine's processes alone; the platform starts them again."""
    moments_drawn, longest_pause = 4, 3

    def strike(self, member):
        member.kill_engines()

    def end(self, cluster):
        pass


class Pause(Fault):
    what = "all"

    def begin(self, cluster):
        for member in self.victims(cluster):
            member.pause(self.what)

    def end(self, cluster):
        for member in self.victims(cluster):
            member.resume()


class PauseEngine(Pause):
    what = "engines"


class Rolling(Fault):
    """Every node is stopped in order and started, one after another: how software is upgraded."""
    mixes, seconds = False, (1, 2)

    def draw(self, chooser):
        self.hits = chooser.sample(self.nodes, len(self.nodes))

    def begin(self, cluster):
        for member in self.victims(cluster):
            member.stop()
            member.start()

    def end(self, cluster):
        pass


class Upgraded(Rolling):
    """Likewise, and each is started as another version of the program; or back again."""
    needs_next = True

    def begin(self, cluster):
        for member in self.victims(cluster):
            member.stop()
            member.exchange_binary()
            member.start()


# --- Cables

class Cable(Fault):
    """Some directions between hosts go by a rule."""

    def draw(self, chooser):
        self.rule, self.pairs = self.rule_of(chooser), None

    def details(self):
        return " ".join(f"{name}={value:.3g}" for name, value in self.rule.items() if value is not True)

    def between(self):
        return [pair for number in self.hits for pair in cables.around(number, self.nodes)]

    def begin(self, cluster):
        cluster.cables.set(self.between(), **self.rule)

    def end(self, cluster):
        cluster.cables.heal()


class Isolate(Cable):
    def rule_of(self, chooser):
        return {"cut": True}


class Asymmetric(Cable):
    """It is heard and hears nothing, or the other way round; of all others or of some."""

    def rule_of(self, chooser):
        self.hears = chooser.random() < 0.5
        self.others = chooser.sample(self.nodes, chooser.randint(max(1, len(self.nodes) // 2), len(self.nodes)))
        return {"cut": True}

    def between(self):
        pairs = [(number, other) for number in self.hits for other in self.others if other != number]
        return [pair[::-1] if self.hears else pair for pair in pairs]

    def details(self):
        return f"{'does not hear' if self.hears else 'is not heard by'} {','.join(map(str, self.others))}"


class Halves(Cable):
    """Two parts, neither of which can order alone."""
    too_many, borne, mixes = True, False, False

    def rule_of(self, chooser):
        return {"cut": True}

    def between(self):
        ours = set(self.hits)
        return [pair for pair in itertools.permutations(self.nodes, 2) if (pair[0] in ours) != (pair[1] in ours)]


class MovingPartition(Cable):
    """Every two seconds others are cut off: as many as the cluster bears, or one more."""
    borne, mixes, seconds = False, False, (8, 14)

    def rule_of(self, chooser):
        most = (len(self.nodes) - 1) // 3 + 1
        self.moves = [set(chooser.sample(self.nodes, chooser.randint(1, most))) for _ in range(8)]
        self.hits = []
        return {"cut": True}

    def details(self):
        return " ".join(",".join(map(str, sorted(part))) for part in self.moves)

    def begin(self, cluster):
        self.at = -1

    def during(self, cluster, elapsed):
        at = int(elapsed / 2) % len(self.moves)
        if at != self.at:
            self.at = at
            cluster.cables.heal()
            cluster.cables.set([pair for pair in itertools.permutations(self.nodes, 2)
                                if (pair[0] in self.moves[at]) != (pair[1] in self.moves[at])], cut=True)


class SwizzleClog(Cable):
    """The cables of several nodes are stopped up one after another, and cleared in another order: what waited comes all at once."""
    borne, mixes, seconds = False, False, (8, 14)

    def rule_of(self, chooser):
        self.hits = []
        some = chooser.sample(self.nodes, chooser.randint(2, len(self.nodes)))
        self.changes = [(0.1 + 0.08 * at, number, True) for at, number in enumerate(some)]
        self.changes += [(0.6 + 0.08 * at, number, False) for at, number in enumerate(chooser.sample(some, len(some)))]
        return {"hold": True}

    def details(self):
        return " ".join(f"{'+' if held else '-'}{number}" for _, number, held in self.changes)

    def begin(self, cluster):
        self.left, self.held = list(self.changes), set()

    def during(self, cluster, elapsed):
        while self.left and self.left[0][0] * self.seconds[0] < elapsed:
            _, number, held = self.left.pop(0)
            (self.held.add if held else self.held.discard)(number)
            cluster.cables.set([pair for pair in cables.around(number, self.nodes) if held or not set(pair) & self.held],
                               **({"hold": True} if held else {}))


class Everywhere(Cable):
    """On all cables."""

    def draw(self, chooser):
        super().draw(chooser)
        self.hits = []

    def aim(self, hits):
        pass

    def between(self):
        return itertools.permutations(self.nodes, 2)


class Delay(Everywhere):
    def rule_of(self, chooser):
        return {"delay_ms": chooser.uniform(20, 250), "jitter_ms": chooser.uniform(0, 100)}


class Drop(Everywhere):
    def rule_of(self, chooser):
        return {"lose": chooser.uniform(0.02, 0.2)}


class Duplicate(Everywhere):
    def rule_of(self, chooser):
        return {"double": chooser.uniform(0.1, 0.5)}


class Reorder(Everywhere):
    def rule_of(self, chooser):
        return {"reorder": chooser.uniform(0.1, 0.5), "delay_ms": chooser.uniform(0, 10)}


class Damage(Everywhere):
    """A bit of some packets; most are lost to the checksum of TCP, what is not must be found by the links."""

    def rule_of(self, chooser):
        return {"damage": chooser.uniform(0.005, 0.05)}


KINDS = {
    "kill": Kill, "kill-again": KillAgainAndAgain, "kill-engine": KillEngine, "pause": Pause, "pause-engine": PauseEngine,
    "third-down": ThirdDown, "stop-without-quorum": StopWithoutQuorum, "all-down": AllDown, "rolling": Rolling, "upgraded": Upgraded,
    "isolate": Isolate, "asymmetric": Asymmetric, "halves": Halves, "moving-partition": MovingPartition, "swizzle-clog": SwizzleClog,
    "delay": Delay, "drop": Drop, "duplicate": Duplicate, "reorder": Reorder, "damage": Damage,
}
