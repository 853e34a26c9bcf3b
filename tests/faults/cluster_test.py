#!/usr/bin/env python3
"""A consortium under faults: hosts with cables of ours, real platforms and engines, clients, and a checker that knows none of them.

  cluster_test.py [--seed S] [--nodes 4|7] [--faults NAME,…|all] [--minutes M] [--calm S] [--rounds N] [--plan] [--keep DIR]
  cluster_test.py --short       what ./test runs: a handful of faults, always the same

The seed, the number of nodes, the faults and the minutes say which faults come when (`--plan` prints it). After each the cluster must
recover: every node orders again and all have the same chain. At the end the checker looks at everything that any client was told.
`--rounds` repeats it with the following seeds, from the same founding. A run that fails prints the command that repeats it.
"""
import argparse
import json
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent / "cluster")]
import checker  # noqa: E402
import faultlib  # noqa: E402
import kinds  # noqa: E402
import load  # noqa: E402
import members  # noqa: E402
import schedule  # noqa: E402
import sm  # noqa: E402
import variant  # noqa: E402

PATIENCE = 90  # seconds in which a healed cluster must order again


def tell(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def ordered_again(cluster, history):
    """None once every node takes a transaction to a receipt and all are at one certified height, else what is not so yet."""
    for member in cluster.members:
        digest, chain = load.sm3(f"{member.name} {time.time()}".encode()), bytes.fromhex(member.get(f"chains/{members.CHAIN}")["id"])
        envelope, body = sm.sign_digests(member.key(), chain, [digest], int(time.time() * 1000))
        transaction = sm.transaction_hash(body).hex()
        history.sent[transaction] = digest.hex()
        entry = history.begin("probe", member.number, "submit", transaction)
        status, answer = member.rest("POST", f"/api/v1/chains/{members.CHAIN}/transactions", envelope, media="application/x-protobuf")
        history.end(entry, "ok" if status == 201 else "unknown", status, answer)
        if status != 201:
            return f"{member.name} answers {status} {answer}"
    return None


def wait_recovered(cluster, history):
    began, last = time.monotonic(), None
    while time.monotonic() - began < PATIENCE:
        try:
            last = ordered_again(cluster, history)
            if last is None:
                return time.monotonic() - began
        except (OSError, AssertionError, ValueError, load.http.client.HTTPException) as error:
            last = repr(error)
        time.sleep(0.3)
    raise AssertionError(f"the cluster does not order again: {last}")


def wait_level(cluster):
    """All nodes at one height, with its certificate."""
    began, heads = time.monotonic(), None
    while time.monotonic() - began < PATIENCE:
        try:
            heads = [member.get(f"chains/{members.CHAIN}") for member in cluster.members]
            if len({head["height"] for head in heads}) == 1 and all(head["certified_height"] == head["height"] for head in heads):
                return
        except (OSError, AssertionError, load.http.client.HTTPException) as error:
            heads = repr(error)
        time.sleep(0.3)
    raise AssertionError(f"the nodes are not level: {heads if isinstance(heads, str) else [(h['height'], h['certified_height']) for h in heads]}")


def run_step(cluster, history, step):
    tell(str(step))
    history.under = tuple(fault.name for fault in step.faults)
    began = time.monotonic()
    for fault in step.faults:
        fault.begin(cluster)
    while time.monotonic() - began < step.hold:
        for fault in step.faults:
            fault.during(cluster, time.monotonic() - began)
        time.sleep(0.1)
    done = sum(entry["do"] in load.WRITES and entry["outcome"] == "ok" and entry["start"] > began for entry in list(history.entries))
    for fault in reversed(step.faults):
        fault.end(cluster)
    history.under = ("recovering",)
    took = wait_recovered(cluster, history)
    history.under = ()
    tell(f"   {done} writes were acknowledged meanwhile; orders again on every node after {took:.1f} s")
    time.sleep(step.rest)


def run(cluster, steps, seed, folder):
    """The violations found. The cluster runs before and is stopped afterwards."""
    history, found = load.History(), []
    try:
        with load.Load(cluster, history, seed):
            time.sleep(1)
            for step in steps:
                run_step(cluster, history, step)
        wait_level(cluster)
        found = checker.check_cluster(cluster, history, *exempt(cluster), seed=seed, folder=folder)
        cluster.stop()
        found += checker.check_replay(cluster)
    except AssertionError as error:
        found.append(str(error))
    with open(folder / f"history-{seed}.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(entry) + "\n" for entry in history.entries)
    report(history)
    return found


def exempt(cluster):
    """What nodes may have forgotten, and what they took that need not be settled yet."""
    return ([(member.number, *moments) for member in cluster.members for moments in member.forgot],
            [(member.number, *moments) for member in cluster.members for moments in member.forgot + member.deferred])


def report(history):
    for name, (asked, first, tried) in load.served(history.entries).items():
        tell(f"served {name:18} of {asked:6}: {100 * first / asked:6.2f} % by the node first asked, {100 * tried / asked:6.2f} % when others are tried")
    for (do, outcome, answer), count in load.not_served(history.entries).most_common(8):
        tell(f"not served {count:4} × {do}: {outcome}, {answer}")


def command(options, seed):
    return f"tests/faults/cluster_test.py --seed {seed} --nodes {options.nodes} --faults {options.faults} --minutes {options.minutes} --calm {options.calm}"


def main(options):
    there = {name: kind for name, kind in kinds.KINDS.items() if members.NEXT.exists() or not kind.needs_next}
    sets = {"all": there, "borne": {name: kind for name, kind in there.items() if kind.borne}}
    chosen = sets.get(options.faults) or {name: kinds.KINDS[name] for name in options.faults.split(",")}
    plans = {seed: schedule.make(seed, options.nodes, chosen, options.minutes * 60, options.calm) for seed in range(options.seed, options.seed + options.rounds)}
    if options.plan:
        for seed, steps in plans.items():
            print(f"seed {seed}", *steps, sep="\n")
        return 0
    bad = 0
    with tempfile.TemporaryDirectory(prefix="cx-cluster-") as temporary:
        folder = pathlib.Path(temporary)
        engine = build_variant() if any(kind.needs_variant for kind in chosen.values()) else None
        cluster = members.Cluster(folder, options.nodes, options.seed, engine)
        try:
            cluster.found()
            tell(f"{options.nodes} nodes have founded a chain")
            if options.rounds > 1:
                cluster.keep(folder / "template")
            for seed, steps in plans.items():
                if options.rounds > 1:
                    cluster.restore(folder / "template")
                tell(f"seed {seed}")
                found = run(cluster, steps, seed, folder)
                for each in found[:20]:
                    tell(f"VIOLATION {each[:1500]}")
                if found:
                    bad += 1
                    tell(f"{len(found)} violations. Again: {command(options, seed)}")
                    if options.keep:
                        keep_evidence(cluster, pathlib.Path(options.keep) / f"seed-{seed}")
                        shutil.copy(folder / f"history-{seed}.jsonl", options.keep)
        finally:
            cluster.close()
    tell(f"{options.rounds - bad} of {options.rounds} held")
    return 1 if bad else 0


def build_variant():
    file = faultlib.BUILD / "chengxin-engine-variant"
    newest = max(path.stat().st_mtime for path in [pathlib.Path(variant.__file__), *variant.ENGINE.glob("*.go"), variant.ENGINE / "go.mod"])
    if not file.exists() or file.stat().st_mtime < newest:
        tell("building the engine's variant")
        variant.build(file)
    return file


def keep_evidence(cluster, folder):
    cluster.stop()
    for member in cluster.members:
        shutil.copytree(member.data, folder / member.data.name, dirs_exist_ok=True)
        for file in member.log.parent.glob(f"{member.organisation}.[ls]*"):
            shutil.copy(file, folder)


SHORT = argparse.Namespace(seed=3, nodes=4, faults="kill,isolate,halves,drop", minutes=0.4, calm=0, rounds=1, plan=False, keep=None)


class Short(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_and_all_nodes_agree(self):
        self.assertEqual(main(SHORT), 0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--faults", default="all", help=f"all, borne (those under which the chain goes on), or of {','.join(kinds.KINDS)}")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--calm", type=float, default=0, help="seconds between faults, about")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--keep", help="a folder for the nodes' data and logs and the history of a run that failed")
    parser.add_argument("--short", action="store_true")
    return parser.parse_args()


def end(*_):
    """Once: what is made is taken away again."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    options = arguments()
    sys.exit(faultlib.run_tests("faults_cluster", "__main__.Short") if options.short else main(options))
