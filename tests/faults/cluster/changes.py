"""Changes that a consortium makes to itself while it works: who votes, and with which keys."""
import members
from faults import Fault
from members import cluster


def decide(hosts, by, *words):
    """A member proposes, all vote yes."""
    proposed = by.cli("consortium", *words, "--chain", members.CHAIN)
    cluster.vote(hosts.members, proposed["proposal"], members.CHAIN)


def role_of(hosts, node):
    return hosts.members[0].members(members.CHAIN)[node]["role"]


class Demoted(Fault):
    """A node stops voting for a while: it observes, then votes again."""
    mixes, seconds = False, (5, 9)

    def draw(self, chooser):
        self.hits = self.hits[:1]

    def set_role(self, hosts, role):
        name = self.victims(hosts)[0].name
        by = next(member for member in hosts.members if member.name != name)
        decide(hosts, by, "node", "role", name, role)
        cluster.wait_until(f"{name} is {role}", lambda: role_of(hosts, name) == role)

    def begin(self, hosts):
        self.set_role(hosts, "observer")

    def end(self, hosts):
        self.set_role(hosts, "voter")


class Rotated(Fault):
    """A node gets a new SM2 key, voted on on each of its chains."""
    mixes, seconds = False, (2, 4)

    def draw(self, chooser):
        self.hits = self.hits[:1]

    def begin(self, hosts):
        member = self.victims(hosts)[0]
        before = {chain: member.members(chain)[member.name]["key"] for chain in ("home", members.CHAIN)}
        for each in member.cli("consortium", "node", "rotate-keys")["items"]:
            cluster.vote(hosts.members, each["proposal"], each["chain"])
        self.wait_for_another(member, before)

    def wait_for_another(self, member, before):
        for chain, key in before.items():
            cluster.wait_until(f"the new key of {member.name} on {chain}", lambda: member.members(chain)[member.name]["key"] != key)

    def end(self, hosts):
        pass


KINDS = {"demoted": Demoted, "rotated": Rotated}
