// RFC 9162 trees and the sparse Merkle tree of the state, over SM3.
import { equal } from './bytes.js';
import { sm3, tag } from './sm.js';

const ZERO = Uint8Array.of(0);
const ONE = Uint8Array.of(1);

export function leafHash(...data: Uint8Array[]): Uint8Array {
  return sm3(ZERO, ...data);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sm3(ONE, left, right);
}

/** RFC 9162, 2.1.3.2. The root that the path leads to, or undefined when its length does not fit index and size. */
export function rootOfPath(index: bigint, size: bigint, leaf: Uint8Array, path: Uint8Array[]): Uint8Array | undefined {
  if (index >= size) return undefined;
  let fn = index;
  let sn = size - 1n;
  let hash = leaf;
  for (const sibling of path) {
    if (sn === 0n) return undefined;
    if ((fn & 1n) === 1n || fn === sn) {
      hash = nodeHash(sibling, hash);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n ? hash : undefined;
}

/** Root of a whole tree, from its leaf hashes (at least one). */
export function rootOfLeaves(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!;
  let left = 1;
  while (left * 2 < leaves.length) left *= 2;
  return nodeHash(rootOfLeaves(leaves.slice(0, left)), rootOfLeaves(leaves.slice(left)));
}

/** State root under which `key` has `value`, given the siblings of its leaf, nearest first (at most 256). */
export function stateRoot(key: Uint8Array, value: Uint8Array, siblings: Uint8Array[]): Uint8Array {
  const path = sm3(tag('chengxin/state-key/v1'), key);
  let hash = leafHash(path, sm3(value));
  siblings.forEach((sibling, i) => {
    const depth = siblings.length - 1 - i;
    const right = (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
    hash = right ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  });
  return hash;
}

export function leads(root: Uint8Array | undefined, to: Uint8Array): boolean {
  return root !== undefined && equal(root, to);
}
