// A host of WASM contracts after docs/formats/contract.md, in node's own WebAssembly: the second implementation, which
// shares no code with the platform's. No gas: what runs here is trusted.
import { keccak256 } from "ethers";
import sm from "sm-crypto-v2";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const KEY = 256, VALUE = 64 << 10, LARGE = 256 << 10, RANGE = 1 << 20, DEPTH = 16, EVENTS = 1024, EVENT_BYTES = 4 << 20;

export const sm3 = (bytes) => Buffer.from(sm.sm3(new Uint8Array(bytes)), "hex");
const tagged = (tag, ...parts) => sm3(Buffer.concat([Buffer.from(tag), Buffer.alloc(1), ...parts]));
export const contractAddress = (name) => tagged("chengxin/contract/v1", Buffer.from(name)).subarray(0, 20);
export const accountAddress = (publicKey) => tagged("chengxin/key/v1", publicKey).subarray(0, 20);

const u32 = (value) => { const out = Buffer.alloc(4); out.writeUInt32BE(value); return out; };
const u64 = (value) => { const out = Buffer.alloc(8); out.writeBigUInt64BE(BigInt(value)); return out; };
const sized = (bytes) => Buffer.concat([u32(bytes.length), bytes]);

// How a call ended but by returning from its function.
class Ending extends Error {
  constructor(ending, data = Buffer.alloc(0)) { super(ending); this.ending = ending; this.data = data; }
}
const trap = (reason) => { throw new Ending("trapped", Buffer.from(reason)); };

// One call: an instance of the contract's module and what its imports see.
class Frame {
  constructor(chain, contract, message) {
    Object.assign(this, { chain, contract, ...message });  // caller, input, readOnly, depth
    this.answer = this.result = Buffer.alloc(0);
    this.blocks = 0n;
    this.initializing = true;
    const chengxin = Object.fromEntries(Object.entries(this.imports()).map(([name, body]) =>
      [name, (...words) => this.initializing ? trap("contract.trap.initialize") : body(...words)]));
    const wasi = this.wasi();
    const stubs = new Proxy(wasi, { get: (_, name) => wasi[name] ?? (() => name.startsWith("fd_") ? 8 : 52) });
    this.instance = new WebAssembly.Instance(contract.module, { chengxin, wasi_snapshot_preview1: stubs });
    this.exports = this.instance.exports;
  }

  run(name) {
    try {
      this.exports._initialize?.();
      this.initializing = false;
      this.exports[name]();
      return { ending: "returned", data: this.result };
    } catch (error) {
      if (error instanceof Ending) return { ending: error.ending, data: error.data };
      return { ending: "trapped", data: Buffer.from(String(error)) };
    }
  }

  memory(at, length, limit = LARGE) {
    at >>>= 0, length >>>= 0;
    if (length > limit) trap("contract.trap.size");
    if (at + length > this.exports.memory.buffer.byteLength) trap("contract.trap.pointer");
    return Buffer.from(this.exports.memory.buffer, at, length);
  }
  read(at, length, limit) { return Buffer.from(this.memory(at, length, limit)); }
  write(at, bytes) { bytes.copy(this.memory(at, bytes.length)); }
  keep(bytes) { this.answer = bytes ?? Buffer.alloc(0); return bytes ? bytes.length : -1; }
  writing() { if (this.readOnly) trap("contract.trap.read_only"); }
  state() { return this.chain.stateOf(this.contract.address); }

  imports() {
    const { chain } = this;
    return {
      answer: (to, from, length) => {
        from >>>= 0, length >>>= 0;
        if (from + length > this.answer.length) trap("contract.trap.pointer");
        this.write(to, this.answer.subarray(from, from + length));
      },
      input: () => this.keep(this.input),
      output: (at, length) => { this.result = this.read(at, length); },
      revert: (at, length) => { throw new Ending("reverted", this.read(at, length)); },
      get: (key, length) => this.keep(this.state().get(hex(this.read(key, length, KEY)))),
      put: (key, length, value, valueLength) => {
        this.writing();
        this.state().set(hex(this.read(key, length, KEY)), this.read(value, valueLength, VALUE));
      },
      erase: (key, length) => { this.writing(); this.state().delete(hex(this.read(key, length, KEY))); },
      range: (from, length, to, toLength, limit) => {
        const first = hex(this.read(from, length, KEY)), end = hex(this.read(to, toLength, KEY));
        if (limit >>> 0 > 1000) trap("contract.trap.argument");
        let count = 0, bytes = 4;
        const entries = [];
        for (const key of [...this.state().keys()].filter((key) => key >= first && (!end || key < end)).sort()) {
          const entry = Buffer.concat([sized(Buffer.from(key, "hex")), sized(this.state().get(key))]);
          if (count === limit || bytes + entry.length > RANGE) break;
          entries.push(entry), ++count, bytes += entry.length;
        }
        return this.keep(Buffer.concat([u32(count), ...entries]));
      },
      event: (topics, count, data, length) => {
        this.writing();
        if (count >>> 0 > 4) trap("contract.trap.argument");
        const bytes = this.read(topics, 32 * count);
        chain.emit({ address: hex(this.contract.address), data: hex(this.read(data, length, VALUE)),
          topics: Array.from({ length: count }, (_, i) => hex(bytes.subarray(32 * i, 32 * i + 32))) });
      },
      context: (field) => this.keep([this.caller, chain.origin, this.contract.address, chain.id, chain.transaction,
        Buffer.from(chain.contracts.get(hex(this.caller))?.name ?? "")][field] ?? trap("contract.trap.argument")),
      height: () => BigInt(chain.height),
      time_ms: () => BigInt(chain.timeMs),
      attribute: (address, name, length) =>
        this.keep(chain.attributes.get(hex(this.read(address, 20)))?.[this.read(name, length, 64)]),
      credential: (address, kind, length) => { this.read(address, 20), this.read(kind, length, 64); return this.keep(); },
      approval: (subject, kind, length) => { this.read(subject, 32), this.read(kind, length, 64); return this.keep(); },
      call: (address, data, length, _gas, readOnly) => {
        const { ending, data: bytes } = chain.frame({ to: this.read(address, 20), caller: this.contract.address,
          input: this.read(data, length), readOnly: this.readOnly || readOnly !== 0, depth: this.depth + 1 });
        if (ending === "returned") return this.keep(bytes);
        return -1 - this.keep(ending === "reverted" ? bytes : Buffer.alloc(0));
      },
      sm3: (at, length, to) => this.write(to, sm3(this.read(at, length))),
      keccak256: (at, length, to) => this.write(to, Buffer.from(keccak256(this.read(at, length)).slice(2), "hex")),
      sm2_verify: (key, at, length, signature) => {
        const [k, message, s] = [this.read(key, 65), this.read(at, length), this.read(signature, 64)];
        try {
          return Number(sm.sm2.doVerifySignature(new Uint8Array(message), hex(s), hex(k), { hash: true }));
        } catch {
          return 0;
        }
      },
      sm4_cbc: (encrypt, key, iv, at, length) => {
        const [k, v, bytes] = [this.read(key, 16), this.read(iv, 16), this.read(at, length)];
        if (bytes.length % 16) return this.keep();
        const options = { mode: "cbc", iv: hex(v), padding: "none", output: "array" };
        return this.keep(Buffer.from((encrypt ? sm.sm4.encrypt : sm.sm4.decrypt)(new Uint8Array(bytes), hex(k), options)));
      },
      evidence: (bundle, length, digest) => { this.read(bundle, length), this.read(digest, 32); return 0; },
      log: (at, length) => chain.log.push(this.read(at, length, 4 << 10).toString()),
    };
  }

  wasi() {
    const put32 = (at, value) => { this.memory(at, 4).writeUInt32LE(value); };
    const put64 = (at, value) => { this.memory(at, 8).writeBigUInt64LE(value); };
    const none = (count, size) => { put32(count, 0), put32(size, 0); return 0; };
    return {
      args_sizes_get: none, environ_sizes_get: none, args_get: () => 0, environ_get: () => 0, sched_yield: () => 0,
      clock_time_get: (_id, _precision, to) => {
        put64(to, this.initializing ? 1n : BigInt(this.chain.timeMs) * 1000000n);
        return 0;
      },
      random_get: (at, length) => { this.write(at, this.randomBytes(length >>> 0)); return 0; },
      fd_write: (fd, iovs, count, written) => {
        if (fd !== 1 && fd !== 2) return 8;
        let total = 0;
        for (let i = 0; i < count; ++i) {
          const iov = this.read(iovs + 8 * i, 8);
          this.chain.log.push(this.read(iov.readUInt32LE(0), iov.readUInt32LE(4)).toString());
          total += iov.readUInt32LE(4);
        }
        put32(written, total);
        return 0;
      },
      proc_exit: () => { throw new Ending("reverted"); },
    };
  }

  randomBytes(length) {
    if (length > LARGE) trap("contract.trap.size");
    if (this.initializing) return Buffer.alloc(length);
    const blocks = Array.from({ length: Math.ceil(length / 32) }, () => tagged("chengxin/random/v1", this.chain.transaction,
      this.contract.address, u32(this.depth), u64(this.blocks++)));
    return Buffer.concat(blocks).subarray(0, length);
  }
}

export class WasmChain {
  contracts = new Map();
  attributes = new Map();
  states = new Map();
  log = [];
  height = 1;
  timeMs = 1_800_000_000_000;
  id = Buffer.alloc(32, 7);

  stateOf(address) {
    if (!this.states.has(hex(address))) this.states.set(hex(address), new Map());
    return this.states.get(hex(address));
  }

  emit(event) {
    this.events.push(event);
    const bytes = this.events.reduce((sum, { data, topics }) => sum + data.length / 2 + 32 * topics.length, 0);
    if (this.events.length > EVENTS || bytes > EVENT_BYTES) trap("contract.event_limit");
  }

  frame(message, entry = "chengxin_call") {
    const contract = this.contracts.get(hex(message.to));
    if (!contract || message.depth >= DEPTH) return { ending: "trapped", data: Buffer.alloc(0) };
    const states = new Map([...this.states].map(([address, state]) => [address, new Map(state)]));
    const events = this.events.length;
    const outcome = new Frame(this, contract, message).run(entry);
    if (outcome.ending !== "returned") this.states = states, this.events.length = events;
    return outcome;
  }

  transactionOf(input) { return tagged("transaction", u64(this.height), input); }

  transaction_(caller, to, input, entry) {
    this.origin = caller, this.events = [];
    this.transaction = this.transactionOf(input);
    const { ending, data } = this.frame({ to, caller, input, readOnly: false, depth: 0 }, entry);
    return { ending, data: hex(data), events: this.events };
  }

  // Code and constructor's arguments; at a name that stands it is an upgrade.
  async deploy(caller, name, { wasm }, input) {
    const address = contractAddress(name);
    const module = new WebAssembly.Module(wasm);
    this.contracts.set(hex(address), { name, address, module });
    if (!WebAssembly.Module.exports(module).some(({ name: found }) => found === "chengxin_deploy"))
      return { ending: "returned", data: "", events: [] };
    return this.transaction_(caller, address, input, "chengxin_deploy");
  }

  async call(caller, name, input) { return this.transaction_(caller, contractAddress(name), input, "chengxin_call"); }
}
