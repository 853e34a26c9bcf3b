// `.cxanchor` documents (docs/formats/cxproof.md, "Trust anchor").
import { demand, fromBase64, fromHex, refuse } from './bytes.js';
import { list, members, parseCanonical, text } from './json.js';

export interface Anchor {
  chain: Uint8Array;
  name: string;
  timestampRoots: Uint8Array[];
}

export function decodeAnchor(bytes: Uint8Array): Anchor {
  const doc = members(parseCanonical(bytes, 'anchor'), ['chain', 'format', 'name', 'timestamp_roots'], 'anchor');
  demand(doc.get('format') === 'chengxin/anchor/v1', 'anchor: another format');
  const timestampRoots = list(doc.get('timestamp_roots'), 'timestamp_roots').map(
    (root) => fromBase64(text(root, 'root')) ?? refuse('anchor: a root is not base64'),
  );
  const chain = fromHex(text(doc.get('chain'), 'chain'), 32) ?? refuse('anchor: the chain is not 32 bytes of hex');
  return { chain, name: text(doc.get('name'), 'name'), timestampRoots };
}
