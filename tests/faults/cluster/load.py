"""Clients of a cluster, and the history of what they asked and were told.

An entry of the history: {client, node, do, key, start, end, outcome, status, answer, under}. Times are of one monotonic clock;
`under` names the faults that were on when it began. Outcomes:
- ok: done, and the answer says so. A receipt, a block, a record…
- absent: a read found nothing there.
- pending: taken, no receipt yet.
- refused: an answer that says for certain that nothing was done.
- unknown: whether it was done was not told: the connection broke after the request went out, or the answer leaves it open.
- away: there was no connection, or no answer to a read."""
import collections
import hashlib
import http.client
import random
import threading
import time

import members
import sm

WRITES = ("evidence", "submit")
CERTAIN = {400, 401, 403, 413, 415, 429}  # of writes: nothing was done


def sm3(data):
    return hashlib.new("sm3", data).digest()


class History:
    def __init__(self):
        self.entries, self.lock = [], threading.Lock()
        self.under = ()
        self.sent = {}  # transaction → digest, of what was signed here
        self.known = collections.deque(maxlen=400)  # (do, key, node or None for any) worth reading
        self.height = 1  # the highest seen
        self.bundles = []  # (digest, node, bytes): proofs given while faults were on

    def begin(self, client, node, do, key):
        return {"client": client, "node": node, "do": do, "key": key, "start": time.monotonic(), "under": self.under}

    def end(self, entry, outcome, status=None, answer=None):
        entry.update(end=time.monotonic(), outcome=outcome, status=status, answer=answer)
        with self.lock:
            self.entries.append(entry)
        return entry


class Client(threading.Thread):
    """Makes one request after another until it is told to stop; asks one node mostly, and others when that one does not serve."""

    def __init__(self, cluster, history, name, home, seed, key, chain, per_second):
        super().__init__(daemon=True)
        self.cluster, self.history, self.label, self.home = cluster, history, name, home
        self.random = random.Random(f"{seed} {name}")
        self.key, self.chain, self.pause = key, chain, 1 / per_second
        self.stopping = threading.Event()
        self.count, self.started = 0, time.time()

    def run(self):
        while not self.stopping.wait(self.random.uniform(0, 2 * self.pause)):
            self.count += 1
            others = [number for number in self.cluster.numbers() if number != self.home]
            self.random.shuffle(others)
            nodes = [self.home, *others]
            if self.random.random() < 0.2:
                nodes.append(nodes.pop(0))
            self.random.choices((self.evidence, self.submit, self.read), (3, 3, 4))[0](nodes)

    def ask(self, node, do, key, method, path, body=None, timeout=15, **keywords):
        """The entry of one attempt at the present request."""
        entry = self.history.begin(self.label, node, do, key)
        entry["request"] = self.count
        door = None
        try:
            door = self.cluster.member(node).door(timeout)
            door.connect()
        except OSError as error:
            return self.history.end(entry, "away", None, f"{type(error).__name__}: {error}")
        try:
            status, answer = self.cluster.member(node).rest(method, "/api/v1/" + path, body, door=door, **keywords)
        except (OSError, ValueError, http.client.HTTPException) as error:
            return self.history.end(entry, "unknown" if do in WRITES else "away", None, f"{type(error).__name__}: {error}")
        finally:
            door.close()
        return self.history.end(entry, (write_outcome if do in WRITES else read_outcome)(do, status, answer), status, answer)

    def evidence(self, nodes):
        """Handed in at another node when the one before was not reached or left open whether it was done: a digest that then stands
        on the chain twice does no harm."""
        digest = sm3(f"{self.label} {self.started} {self.count}".encode()).hex()
        body = {"digest": digest, "chain": members.CHAIN, "title": f"{self.label} {self.count}"}
        for node in nodes:
            entry = self.ask(node, "evidence", digest, "POST", "evidence?wait=receipt", body)
            if served_by(entry) or entry["outcome"] == "refused":
                break
        if entry["outcome"] in ("ok", "pending"):
            self.history.known += [("record", entry["answer"]["id"], node), ("item", digest, None)]

    def submit(self, nodes):
        """A transaction of our own; what is not known to be done is handed in again elsewhere, as a careful client would, and
        sometimes what is known to be."""
        digest = sm3(f"{self.label} {self.started} {self.count}".encode())
        envelope, body = sm.sign_digests(self.key, self.chain, [digest], int(time.time() * 1000))
        transaction = sm.transaction_hash(body).hex()
        self.history.sent[transaction] = digest.hex()
        least = self.random.choice((1, 1, 1, 1, 2))
        for attempt, node in enumerate(nodes, 1):
            entry = self.ask(node, "submit", transaction, "POST", f"chains/{members.CHAIN}/transactions", envelope,
                             media="application/x-protobuf")
            if attempt >= least and served_by(entry) or self.stopping.wait(0.1):
                break
        self.history.known += [("receipt", transaction, None), ("item", digest.hex(), None)]

    def read(self, nodes):
        do, key = self.random.choice((("head", None), ("block", self.random.randint(1, self.history.height))))
        if self.history.known and self.random.random() < 0.5:
            do, key, only = self.random.choice(list(self.history.known))
            nodes = [only] if only else nodes
            if do == "item" and self.random.random() < 0.3:
                do = "proof"
        paths = {"head": f"chains/{members.CHAIN}", "block": f"chains/{members.CHAIN}/blocks/{key}",
                 "receipt": f"chains/{members.CHAIN}/transactions/{key}/receipt",
                 "item": f"chains/{members.CHAIN}/items/{key}", "proof": f"chains/{members.CHAIN}/items/{key}/proof?timestamp=false", "record": f"evidence/{key}"}
        for node in nodes:
            entry = self.ask(node, do, key, "GET", paths[do], timeout=8)
            if served_by(entry):
                break
        if do == "proof":
            if entry["outcome"] == "ok":
                self.history.bundles.append((key, node, entry["answer"]))
            entry["answer"] = None
        elif entry["outcome"] == "ok":
            for name in ("genesis", "header", "certificate"):
                entry["answer"].pop(name, None)
            self.history.height = max(self.history.height, entry["answer"].get("height") or 1)


def write_outcome(_, status, answer):
    if status in (201, 202):
        return "ok" if status == 201 else "pending"
    return "refused" if status in CERTAIN else "unknown"


def read_outcome(do, status, answer):
    if status == 200:
        return "absent" if do == "item" and not answer["items"] else "ok"
    return "absent" if status == 404 else "away"


def served_by(entry):
    """A duplicate is served: it says that the transaction has been taken."""
    return entry["outcome"] in ("ok", "absent", "pending") or entry["status"] == 409


class Load:
    def __init__(self, cluster, history, seed, per_second=8):
        sm.sm3 = sm3  # the library's, so that signing many does not take the processor from the nodes
        first = cluster.members[0]
        chain = bytes.fromhex(first.get(f"chains/{members.CHAIN}")["id"])
        self.clients = [Client(cluster, history, f"client{index}", member.number, seed, member.key(), chain, per_second)
                        for index, member in enumerate(cluster.members)]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.stopping.set()
        for client in self.clients:
            client.join(timeout=120)


def not_served(history):
    """How often which (kind of request, last outcome, last answer): what its client did not get from any node that it tried."""
    requests = collections.defaultdict(list)
    for entry in history:
        if "request" in entry:
            requests[entry["client"], entry["request"]].append(entry)
    lost = (attempts[-1] for attempts in requests.values() if not any(map(served_by, attempts)))
    return collections.Counter((last["do"], last["outcome"], f"{last['status'] or ''} {str(last['answer'])[:60]}") for last in lost)


def served(history):
    """By the faults that were on when a request began ("nothing" when none was): [requests, served by the node first asked, served by
    any node that its client tried]. A refusal that tells to come again is not served."""
    requests, table = collections.defaultdict(list), collections.defaultdict(lambda: [0, 0, 0])
    for entry in history:
        if "request" in entry:
            requests[entry["client"], entry["request"]].append(entry)
    for attempts in requests.values():
        for name in (*(attempts[0]["under"] or ("nothing",)), "total"):
            counts = table[name]
            counts[0] += 1
            counts[1] += served_by(attempts[0])
            counts[2] += any(map(served_by, attempts))
    return dict(sorted(table.items(), key=lambda row: (row[0] == "total", row[0])))
