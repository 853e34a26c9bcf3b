// Random numbers from a seed that failing tests print; SEED in the environment replays it.

export interface Random {
  seed: string;
  below(n: number): number;
  bytes(n: number): Uint8Array;
}

export function random(use: string): Random {
  const seed = process.env['SEED'] ?? String(Date.now());
  let state = 0n;
  for (const c of use + seed) state = (state * 131n + BigInt(c.charCodeAt(0)) + 1n) & 0xffffffffffffffffn;
  // splitmix64
  const next = () => {
    state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn;
    return Number((z ^ (z >> 31n)) >> 33n);
  };
  const below = (n: number) => next() % n;
  return { seed, below, bytes: (n) => Uint8Array.from({ length: n }, () => below(256)) };
}
