"""What must hold of a cluster, judged from the history of its clients and the chain as each node tells it afterwards. Nothing here
knows how the platform works; it recomputes what the formats define (tests/acceptance/sm.py) and compares the rest.

Each rule yields what breaks it, in words. `check_*` of plain data can be tried on broken histories (checker_test.py)."""
import base64
import collections
import random
import subprocess
import threading

import members
import sm
import support

SAME = ("hash", "previous", "time_ms", "log_size", "log_root", "state_root", "validators_hash", "transaction_count", "transactions", "header")


class Chain:
    """The chain that all nodes agree on: the sequential model that every answer is compared with."""

    def __init__(self, blocks, receipts):
        self.blocks = {block["height"]: block for block in blocks}
        self.height = max(self.blocks, default=0)
        self.place = {}
        for height in sorted(self.blocks):
            for index, transaction in enumerate(self.blocks[height]["transactions"]):
                self.place.setdefault(transaction, (height, index))
        self.receipts = receipts  # transaction → receipt


def read_chain(member):
    """Its blocks in order."""
    height = member.get(f"chains/{members.CHAIN}")["height"]
    door = member.door(30)
    blocks = []
    for number in range(1, height + 1):
        status, block = member.rest("GET", f"/api/v1/chains/{members.CHAIN}/blocks/{number}", door=door)
        if status != 200:
            raise AssertionError(f"{member.name}: block {number}: {status} {block}")
        blocks.append(block)
    door.close()
    return blocks


def check_agreement(chains):
    """`chains`: node → its blocks."""
    first, reference = next(iter(chains.items()))
    for node, blocks in chains.items():
        if len(blocks) != len(reference):
            yield f"height: {first} has {len(reference)}, {node} has {len(blocks)}"
        for ours, theirs in zip(reference, blocks):
            for name in SAME:
                if ours[name] != theirs[name]:
                    yield f"agreement: block {ours['height']}: {name} is {ours[name]} on {first}, {theirs[name]} on {node}"
            if ours["certified"] and theirs["certified"] and ours["certificate"] != theirs["certificate"]:
                yield f"agreement: block {ours['height']} has other certificates on {first} and {node}"


def check_blocks(blocks, chain):
    """Order: the headers are a chain, times do not go back, and nothing is executed twice."""
    previous, time_ms, size, seen = chain, 0, 0, {}
    for number, block in enumerate(blocks, 1):
        header = sm.Header(base64.b64decode(block["header"]))
        size += len(block["transactions"])
        told = (block["hash"], block["log_root"], block["state_root"], block["time_ms"], block["log_size"])
        is_in = (header.hash.hex(), header.log_root.hex(), header.state_root.hex(), header.time_ms, header.log_size)
        if told != is_in:
            yield f"order: block {number} is told as {told}, its header says {is_in}"
        if (header.height, header.previous, header.log_size) != (number, previous, size):
            yield f"order: block {number} does not follow the one before: {header.height}, {header.previous.hex()}, {header.log_size}"
        if header.time_ms < time_ms:
            yield f"order: block {number} is {time_ms - header.time_ms} ms before the one before"
        previous, time_ms = header.hash, header.time_ms
        for transaction in block["transactions"]:
            if transaction in seen:
                yield f"twice: transaction {transaction} in blocks {seen[transaction]} and {number}"
            seen[transaction] = number


def check_log(blocks, leaves, heights):
    """`leaves`: of all transactions in order. The log's root at these heights is that of its leaves."""
    for height in heights:
        block = blocks[height - 1]
        root = sm.root_of(leaves[:block["log_size"]]).hex()
        if root != block["log_root"]:
            yield f"log: block {height} has root {block['log_root']}, its transactions have {root}"


def check_items(places):
    """`places`: digest → (its places on one node, whether it must be there, how often it was handed in)."""
    for digest, (found, must, times) in places.items():
        if len(found) > times:
            yield f"twice: {digest}, handed in {times} times, at {found}"
        if must and not found:
            yield f"lost: {digest} was acknowledged and is nowhere"


def outcomes(history):
    """What was told of each write: (do, key) → its entries."""
    out = {}
    for entry in history:
        if entry["do"] in ("evidence", "submit"):
            out.setdefault((entry["do"], entry["key"]), []).append(entry)
    return out


def check_writes(history, chain, sent):
    """What was acknowledged is there as it was told, what was refused for certain is not, and what follows comes later."""
    acknowledged = []  # (when it was told, when it was first handed in, height, key)
    for (do, key), entries in outcomes(history).items():
        for entry in entries:
            if entry["outcome"] != "ok":
                continue
            answer = entry["answer"]
            transaction = answer["transaction"]
            place = chain.place.get(transaction)
            if do == "submit" and transaction != key:
                yield f"receipt: {key} was answered with that of {transaction}"
            if place is None:
                yield f"lost: node {entry['node']} acknowledged {do} {key} ({transaction}, height {answer['height']}) and it is nowhere"
                continue
            if place[0] != answer["height"]:
                yield f"receipt: node {entry['node']} said height {answer['height']} of {do} {key}, it is at {place[0]}"
            acknowledged.append((entry["end"], min(each["start"] for each in entries), place[0], key))
        if do == "submit" and key in chain.place and all(entry["outcome"] == "refused" for entry in entries):
            yield f"refused: {key} is at {chain.place[key]}, every answer refused it: {entries[-1]['answer']}"
    for transaction in sent:
        if transaction in chain.place and ("submit", transaction) not in outcomes(history):
            yield f"refused: {transaction} is on the chain and was never handed in"
    yield from check_real_time(acknowledged)


def check_real_time(acknowledged):
    """(end, start, height, key): who was handed in after another was acknowledged stands in a later block."""
    by_end, highest, at = sorted(acknowledged), (0, None), 0
    for _, start, height, key in sorted(acknowledged, key=lambda each: each[1]):
        while at < len(by_end) and by_end[at][0] < start:
            highest = max(highest, (by_end[at][2], by_end[at][3]), key=lambda each: each[0])
            at += 1
        if height <= highest[0] and key != highest[1]:
            yield f"order: {key} is at {height} and was handed in after {highest[1]} at {highest[0]} was acknowledged"


def check_reads(history, chain, forgotten=()):
    """Every answer of a node is the model's at some height that is at least the highest that this node showed before the
    question. `forgotten`: (node, since, until): it was given an older disk at the second moment, and may not know what came between."""
    for node in sorted({entry["node"] for entry in history}):
        yield from _reads_of_node([entry for entry in history if entry["node"] == node], chain,
                                  sorted((until, since) for who, since, until in forgotten if who == node))


def _shown(entry):
    """The height that an answer proves its node to have reached."""
    answer = entry["answer"]
    if entry["outcome"] != "ok" or not isinstance(answer, dict):
        return 0
    if entry["do"] == "item":
        return max((each["height"] for each in answer["items"]), default=0)
    return answer.get("height") or 0


def _reads_of_node(entries, chain, forgotten):
    ended, at, known, anchored = sorted(entries, key=lambda each: each["end"]), 0, 0, {}
    forgotten, records = list(forgotten), bool(forgotten)
    for entry in sorted(entries, key=lambda each: each["start"]):
        while at < len(ended) and ended[at]["end"] < entry["start"]:
            known = max(known, _shown(ended[at]))
            if ended[at]["do"] == "record" and ended[at]["outcome"] == "ok" and ended[at]["answer"]["state"] == "anchored":
                anchored[ended[at]["key"]] = ended[at]["answer"]["transaction"]
            at += 1
        while forgotten and forgotten[0][0] < entry["start"]:
            forgotten.pop(0)
            known, anchored = 0, {}
        if records and entry["do"] == "record" and entry["outcome"] == "absent":
            continue
        if entry["outcome"] in ("ok", "absent") and entry["do"] in RULES:
            for trouble in RULES[entry["do"]](entry, chain, known, anchored):
                yield f"read: node {entry['node']}: {entry['do']} {entry['key'] or ''}: {trouble} (it had shown height {known})"


def _head(entry, chain, known, _):
    answer = entry["answer"]
    if answer["height"] < known:
        yield f"height {answer['height']}"
    block = chain.blocks.get(answer["height"])
    if answer["height"] and (block is None or any(answer[name] != block[theirs] for name, theirs in (
            ("header_hash", "hash"), ("log_root", "log_root"), ("state_root", "state_root"), ("log_size", "log_size"), ("time_ms", "time_ms")))):
        yield f"{answer} is not the chain's block {block}"
    if answer["certified_height"] > answer["height"]:
        yield f"certified {answer['certified_height']} above its height {answer['height']}"


def _block(entry, chain, known, _):
    if entry["outcome"] == "absent":
        if entry["key"] <= known:
            yield "absent"
        return
    block = chain.blocks.get(entry["key"])
    for name in SAME:
        if name in entry["answer"] and (block is None or entry["answer"][name] != block[name]):
            yield f"{name} is {entry['answer'][name]}, the chain's {block and block[name]}"


def _receipt(entry, chain, known, _):
    place = chain.place.get(entry["key"])
    if entry["outcome"] == "absent":
        if place and place[0] <= known:
            yield f"absent, and it is at {place[0]}"
    elif place is None:
        yield f"a receipt of what is not on the chain: {entry['answer']}"
    elif entry["answer"]["height"] != place[0] or entry["answer"] != chain.receipts.get(entry["key"], entry["answer"]):
        yield f"{entry['answer']}, the chain has {chain.receipts.get(entry['key'])}"


def _item(entry, chain, known, _):
    found = entry["answer"]["items"] if entry["outcome"] == "ok" else []
    for each in found:
        if chain.place.get(each["transaction"], (None,))[0] != each["height"]:
            yield f"stands at {each}, the chain has {chain.place.get(each['transaction'])}"
    if not found and chain.items.get(entry["key"], known + 1) <= known:
        yield f"absent, and it is at {chain.items[entry['key']]}"


def _record(entry, chain, _, anchored):
    if entry["outcome"] == "absent":
        yield "absent, and it was acknowledged"
        return
    answer = entry["answer"]
    if answer["state"] == "anchored" and chain.place.get(answer["transaction"], (None,))[0] != answer["height"]:
        yield f"anchored at {answer['height']} by {answer['transaction']}, the chain has {chain.place.get(answer['transaction'])}"
    if answer["state"] != "anchored" and entry["key"] in anchored:
        yield f"{answer['state']}, and it was anchored before"
    if answer["state"] == "refused":
        yield f"refused, and nothing handed in deserves it: {answer.get('refusal')}"


RULES = {"head": _head, "block": _block, "receipt": _receipt, "item": _item, "record": _record}


# --- Of a cluster that runs and has come to rest

def parallel(work, things):
    """work(thing) for each, at once; {thing: result}, or the first error."""
    results, errors = {}, []

    def one(thing):
        try:
            results[thing] = work(thing)
        except Exception as error:  # noqa: BLE001  (told below, in the thread that asked)
            errors.append(error)

    threads = [threading.Thread(target=one, args=(thing,)) for thing in things]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def ask_all(member, paths):
    """Answers of that node, None for what is not there."""
    door, out = member.door(30), {}
    for key, path in paths.items():
        status, answer = member.rest("GET", f"/api/v1/{path}", door=door)
        if status not in (200, 404):
            raise AssertionError(f"{member.name}: {path}: {status} {answer}")
        out[key] = answer if status == 200 else None
    door.close()
    return out


def check_cluster(cluster, history, forgotten=(), unsettled=(), seed=0, proofs=6, folder=None):
    """All rules over a cluster whose nodes all run; the violations found."""
    entries, honest = history.entries, cluster.members
    by_name = {member.name: member for member in honest}
    chains = parallel(lambda name: read_chain(by_name[name]), by_name)
    found = list(check_agreement(chains))
    blocks = min(chains.values(), key=len)
    first = honest[0]
    found += check_blocks(blocks, bytes.fromhex(first.get(f"chains/{members.CHAIN}")["id"]))

    transactions = [transaction for block in blocks for transaction in block["transactions"]]
    whole = ask_all(first, {each: f"chains/{members.CHAIN}/transactions/{each}" for each in transactions})
    leaves = [sm.log_leaf(base64.b64decode(whole[each]["body"]), base64.b64decode(whole[each]["receipt"]["bytes"])) for each in transactions]
    chooser = random.Random(seed)
    found += check_log(blocks, leaves, sorted({len(blocks), *chooser.sample(range(1, len(blocks) + 1), min(8, len(blocks)))}) if blocks else [])
    chain = Chain(blocks, {each: whole[each]["receipt"] for each in transactions})

    times = collections.Counter(entry["key"] for entry in entries if entry["do"] == "evidence" and entry["outcome"] != "away")
    times.update(set(history.sent.values()))  # a transaction counts once however often it is handed in
    must = {entry["key"] for entry in entries if entry["do"] == "evidence" and (entry["outcome"] == "ok" or (
        entry["outcome"] == "pending" and not any(node == entry["node"] and since <= entry["end"] and entry["start"] <= until for node, since, until in unsettled)))}
    must |= {history.sent[entry["key"]] for entry in entries if entry["do"] == "submit" and entry["outcome"] == "ok"}
    paths = {digest: f"chains/{members.CHAIN}/items/{digest}" for digest in times}
    places = parallel(lambda name: ask_all(by_name[name], paths), by_name)
    chain.items = {}
    for name, answers in places.items():
        found += [f"{name}: {each}" for each in check_items({
            digest: ((answer or {"items": []})["items"], digest in must, times[digest]) for digest, answer in answers.items()})]
        chain.items.update({digest: min(each["height"] for each in answer["items"]) for digest, answer in answers.items() if answer and answer["items"]})
    receipts = parallel(lambda name: ask_all(by_name[name], {
        each: f"chains/{members.CHAIN}/transactions/{each}/receipt" for each in chooser.sample(transactions, min(300, len(transactions)))}), by_name)
    for name, answers in receipts.items():
        found += [f"agreement: {name} has receipt {answer} of {each}" for each, answer in answers.items() if answer != chain.receipts[each]]

    found += check_writes(entries, chain, history.sent)
    found += check_reads(entries, chain, forgotten)
    found += check_proofs(cluster, chooser.sample(sorted(must), min(proofs, len(must))),
                          chooser.sample(history.bundles, min(proofs, len(history.bundles))), chooser, folder)
    return found


def check_proofs(cluster, digests, given, chooser, folder):
    """Made now on any node, and given to clients during the faults: each holds for both verifiers, under the first node's anchor."""
    anchor = folder / "chain.cxanchor"
    anchor.write_bytes(cluster.members[0].rest("GET", f"/api/v1/chains/{members.CHAIN}/anchor", raw=True)[1])
    bundles = list(given)
    for digest in digests:
        member = chooser.choice(cluster.members)
        status, bundle = member.rest("GET", f"/api/v1/chains/{members.CHAIN}/items/{digest}/proof?timestamp=false")
        if status == 200:
            bundles.append((digest, member.number, bundle))
        else:
            yield f"proof: {member.name}: {digest}: {status} {bundle}"
    for digest, node, bundle in bundles:
        file = folder / f"{digest}.cxproof"
        file.write_bytes(bundle)
        for what, done in zip(("chengxin verify", "sdk/js"), support.both_verifiers(file, None, anchor)):
            if done.code != 0:
                yield f"proof: {digest} of node {node}: {what}: {done}"


def check_replay(cluster):
    """Of stopped nodes: every root is recomputed from what is on the disk."""
    for member in cluster.members:
        done = subprocess.run([support.BINARY, "chain", "verify", members.CHAIN, "--data", member.data], capture_output=True,
                              text=True, timeout=600, check=False)
        if done.returncode != 0:
            yield f"replay: {member.name}: {done.stdout}{done.stderr}"
