#!/usr/bin/env python3
"""The launcher of engines as the product has it, but with an edited CometBFT and, by Go's build overlay, edited packages time and os:
it can be told to misbehave. Nothing of it is in the product, and no copy of the engine is kept here.

  variant.py FILE       builds it

CHENGXIN_ENGINE_FAULTS names a file of words, read whenever one matters; CHENGXIN_CLOCK one as for the clock's shim."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ENGINE = pathlib.Path(__file__).resolve().parents[3] / "engine"

DOES = '''
// Does tells whether the test wants this of the engine now.
func Does(word string) bool {
	name := os.Getenv("CHENGXIN_ENGINE_FAULTS")
	if name == "" {
		return false
	}
	text, err := os.ReadFile(name)
	return err == nil && strings.Contains(" "+strings.TrimSpace(string(text))+" ", " "+word+" ")
}

// Once tells so and takes all words back.
func Once(word string) bool {
	return Does(word) && os.Truncate(os.Getenv("CHENGXIN_ENGINE_FAULTS"), 0) == nil
}

// Crash ends the platform that started us, and us, at once.
func Crash() {
	syscall.Kill(os.Getppid(), syscall.SIGKILL)
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
'''

SYNC = '''
// What a test wants of syncs: " sync-error " or " sync-slow " in the file that CHENGXIN_ENGINE_FAULTS names.
func testedSync() error {
	name := Getenv("CHENGXIN_ENGINE_FAULTS")
	if name == "" {
		return nil
	}
	text, err := ReadFile(name)
	if err != nil {
		return nil
	}
	for start, at := 0, 0; at <= len(text); at++ {
		if at < len(text) && text[at] > ' ' {
			continue
		}
		switch string(text[start:at]) {
		case "sync-error":
			return syscall.EIO
		case "sync-slow":
			time.Sleep(50 * time.Millisecond)
		}
		start = at + 1
	}
	return nil
}
'''

CLOCK = '''
var testedClock struct {
	once  sync.Once
	ahead *int64
}

// How many milliseconds a test wants this clock to be ahead: 8 bytes of the file that CHENGXIN_CLOCK names.
func testedAhead() int64 {
	testedClock.once.Do(func() {
		name, ok := syscall.Getenv("CHENGXIN_CLOCK")
		if !ok {
			return
		}
		file, err := syscall.Open(name, syscall.O_RDONLY, 0)
		if err != nil {
			return
		}
		defer syscall.Close(file)
		if at, err := syscall.Mmap(file, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED); err == nil {
			testedClock.ahead = (*int64)(unsafe.Pointer(&at[0]))
		}
	})
	if testedClock.ahead == nil {
		return 0
	}
	return *testedClock.ahead
}

func testedNow() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	ahead := testedAhead()
	sec += ahead / 1000
	nsec += int32(ahead%1000) * 1000000
	if nsec < 0 {
		sec, nsec = sec-1, nsec+1000000000
	} else if nsec >= 1000000000 {
		sec, nsec = sec+1, nsec-1000000000
	}
	return
}
'''

# Of a file: (what is there once, what stands there instead); the first of None: appended.
EDITS = {
    "comet/libs/fail/fail.go": [('"strconv"', '"strconv"\n\t"strings"\n\t"syscall"'), (None, DOES)],
    "comet/consensus/state.go": [
        ("func (cs *State) defaultDecideProposal(height int64, round int32) {\n",
         "func (cs *State) defaultDecideProposal(height int64, round int32) {\n\tif fail.Does(\"silent-proposer\") {\n\t\treturn\n\t}\n"),
        ("\t\t\tvote.Extension = ext\n", '''\t\t\tvote.Extension = ext
			lies := true
			switch {
			case fail.Does("withhold-extension"):
				vote.Extension = nil
			case fail.Does("oversized-extension"):
				vote.Extension = make([]byte, 1_000_000)
			case fail.Does("forged-extension") && len(ext) > 0:
				vote.Extension = append([]byte{}, ext...)
				vote.Extension[len(ext)-1] ^= 1
			case fail.Does("early-extension") && len(ext) == 0:
				vote.Extension = make([]byte, 73)
			default:
				lies = false
			}
'''),
        ("if len(vote.Extension) > 0 {\n\t\t\t\tif err := cs.blockExec.VerifyVoteExtension",
         "if len(vote.Extension) > 0 && !lies {\n\t\t\t\tif err := cs.blockExec.VerifyVoteExtension"),
    ],
    "comet/consensus/reactor.go": [
        ("\tsm \"github.com/cometbft/cometbft/state\"\n", "\t\"github.com/cometbft/cometbft/libs/fail\"\n\tsm \"github.com/cometbft/cometbft/state\"\n"),
        ("\t\tif part, continueLoop := pickPartToSend(", "\t\tif fail.Does(\"withhold-blocks\") {\n\t\t} else if part, continueLoop := pickPartToSend("),
    ],
    "comet/blocksync/reactor.go": [
        ("\t\"github.com/cometbft/cometbft/libs/log\"\n", "\t\"github.com/cometbft/cometbft/libs/fail\"\n\t\"github.com/cometbft/cometbft/libs/log\"\n"),
        ("func (r *Reactor) respondToPeer(msg *bcproto.BlockRequest, src p2p.Peer) {\n",
         "func (r *Reactor) respondToPeer(msg *bcproto.BlockRequest, src p2p.Peer) {\n\tif fail.Does(\"withhold-blocks\") {\n\t\treturn\n\t}\n"),
        ("\tstate, err := r.blockExec.Store().Load()\n\tif err != nil {\n\t\tr.Logger.Error(\"Unable to load the state\"",
         '''\tif fail.Does("lie-in-sync") {
		if len(bl.Data.Txs) > 0 {
			bl.Data.Txs[0][len(bl.Data.Txs[0])-1] ^= 1
		} else {
			bl.Header.AppHash = make([]byte, 32)
		}
	}

	state, err := r.blockExec.Store().Load()
	if err != nil {
		r.Logger.Error("Unable to load the state"'''),
        ("\t\t\tMessage: &bcproto.StatusResponse{\n\t\t\t\tHeight: r.store.Height(),\n", "\t\t\tMessage: &bcproto.StatusResponse{\n\t\t\t\tHeight: toldHeight(r.store.Height()),\n"),
        (None, '''
func toldHeight(height int64) int64 {
	if fail.Does("lie-in-sync") {
		return height + 1000
	}
	return height
}
'''),
    ],
    "comet/state/execution.go": [
        ("\t// Save the results before we commit.\n",
         "\tif len(block.Txs) > 0 && fail.Once(\"crash-before-commit\") {\n\t\tfail.Crash()\n\t}\n\t// Save the results before we commit.\n"),
        ("\t// Update evpool with the latest state.\n",
         "\tif len(block.Txs) > 0 && fail.Once(\"crash-after-commit\") {\n\t\tfail.Crash()\n\t}\n\t// Update evpool with the latest state.\n"),
    ],
    "go/time/time.go": [
        ("func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n", "func Now() Time {\n\tsec, nsec, mono := testedNow()\n"),
        ("import (\n", "import (\n\t\"sync\"\n\t\"syscall\"\n\t\"unsafe\"\n"), (None, CLOCK),
    ],
    "go/os/file_posix.go": [
        ("\tif e := f.pfd.Fsync(); e != nil {\n", "\tif e := testedSync(); e != nil {\n\t\treturn f.wrapErr(\"sync\", e)\n\t}\n\tif e := f.pfd.Fsync(); e != nil {\n"),
        (None, SYNC),
    ],
}


def edited(text, edits, name):
    for there, instead in edits:
        if there is None:
            text += instead
        elif text.count(there) == 1:
            text = text.replace(there, instead)
        else:
            raise SystemExit(f"{name}: {text.count(there)} times: {there!r}")
    return text


def go(*words):
    return subprocess.run(["go", *words], cwd=ENGINE, check=True, capture_output=True, text=True).stdout.strip()


def build(file):
    """Files of the module cache may not be overlaid, so the module is copied and the copy named in another go.mod; those of the
    standard library may."""
    module = pathlib.Path(go("list", "-m", "-f", "{{.Dir}}", "github.com/cometbft/cometbft"))
    library = pathlib.Path(go("env", "GOROOT"), "src")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        copy = folder / "comet"
        shutil.copytree(module, copy, ignore=shutil.ignore_patterns("docs", "spec", "*_test.go", "testdata"), copy_function=shutil.copyfile)
        replaced = {}
        for number, (name, edits) in enumerate(EDITS.items()):
            where, inside = name.split("/", 1)
            original = (module if where == "comet" else library) / inside
            changed = copy / inside if where == "comet" else folder / f"{number}.go"
            if where == "comet":
                changed.parent.chmod(0o755)
            else:
                replaced[str(original)] = str(changed)
            changed.write_text(edited(original.read_text(encoding="utf-8"), edits, name), encoding="utf-8")
        (folder / "overlay.json").write_text(json.dumps({"Replace": replaced}), encoding="utf-8")
        text = (ENGINE / "go.mod").read_text(encoding="utf-8")
        (folder / "go.mod").write_text(f"{text}\nreplace github.com/cometbft/cometbft => {copy}\n", encoding="utf-8")
        shutil.copy(ENGINE / "go.sum", folder)
        subprocess.run(["go", "build", "-p", "2", "-mod=mod", "-modfile", folder / "go.mod", "-overlay", folder / "overlay.json", "-trimpath",
                        "-ldflags", "-s -w", "-o", pathlib.Path(file).resolve(), "."], cwd=ENGINE, check=True, env={**os.environ, "CGO_ENABLED": "0"})
        for path in [copy, *copy.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)


if __name__ == "__main__":
    build(sys.argv[1])
