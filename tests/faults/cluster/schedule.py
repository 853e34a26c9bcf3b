"""Which faults come when: all of it follows from the seed, the number of nodes, and the names of faults to choose from."""
import random

MIXED = 0.25  # how often two faults come together


class Step:
    """Faults that are on together for `hold` seconds, then `rest` seconds without any."""

    def __init__(self, number, faults, hold, rest):
        self.number, self.faults, self.hold, self.rest = number, faults, hold, rest

    def __str__(self):
        return f"{self.number}: {' + '.join(map(str, self.faults))} for {self.hold:.1f} s, then {self.rest:.1f} s"


def make(seed, nodes, kinds, seconds, calm=0):
    """Steps whose times add up to about `seconds`, with about `calm` seconds between them. Each kind comes once before any comes again. Together two faults hit no more
    nodes than the cluster bears, unless one alone is meant to."""
    chooser, steps, total, bag = random.Random(f"{seed} {nodes}"), [], 0.0, []
    while total < seconds:
        if not bag:
            bag = sorted(kinds)
            chooser.shuffle(bag)
        faults = [kinds[bag.pop()](chooser, nodes)]
        if bag and faults[0].mixes and kinds[bag[-1]].mixes and chooser.random() < MIXED:
            faults.append(kinds[bag.pop()](chooser, nodes))
            if len({node for fault in faults for node in fault.hits}) > (nodes - 1) // 3:
                for fault in faults[1:]:
                    fault.aim(faults[0].hits)
        step = Step(len(steps) + 1, faults, chooser.uniform(*faults[0].seconds), chooser.uniform(1, 4) + calm * chooser.uniform(0.5, 1.5))
        steps.append(step)
        total += step.hold + step.rest
    return steps
