// Bitstring Status List (W3C Recommendation 1.0): whether the issuer took a credential back.
import { concat, demand, refuse } from './bytes.js';
import { fromBase64url, type JsonObject, type JsonValue, objectOf } from './jose.js';

const LEAST_BITS = 131_072, MOST_BYTES = 8 << 20;

export interface StatusEntry {
  purpose: 'revocation' | 'suspension';
  list: string; // the address of the list
  index: number;
}

function entry(value: JsonValue): StatusEntry {
  const of = objectOf(value, 'status');
  const { statusPurpose: purpose, statusListCredential: list, statusListIndex: index } = of;
  demand(of['type'] === 'BitstringStatusListEntry' && typeof list === 'string' && list.length <= 2048, 'no entry of a status list');
  demand(purpose === 'revocation' || purpose === 'suspension', 'a status of another purpose');
  demand(typeof index === 'string' && /^\d{1,9}$/.test(index), 'an index is a number in text');
  return { purpose, list, index: Number(index) };
}

/** Where a credential's status stands: of an SD-JWT VC in `status`, of a W3C credential in `credentialStatus`. */
export function statusEntries(payload: JsonObject): StatusEntry[] {
  const own = payload['status'] === undefined ? undefined : objectOf(payload['status'], 'status')['bitstring_status_list'];
  const found = own ?? payload['credentialStatus'] ?? [];
  return (Array.isArray(found) ? found : [found]).map(entry);
}

async function unpack(packed: Uint8Array): Promise<Uint8Array> {
  const reader = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  const parts: Uint8Array[] = [];
  for (let size = 0; ;) {
    const { done, value } = await reader.read().catch(() => refuse('a list that is not GZIP, or cut short'));
    if (done) return concat(...parts);
    demand((size += value.length) <= MOST_BYTES, 'a status list above 64 Mi entries');
    parts.push(value);
  }
}

/** The bit of `wanted` in a list's subject. Throws Refused. */
export async function isSet(wanted: StatusEntry, subject: JsonObject): Promise<boolean> {
  const encoded = subject['encodedList'];
  demand(subject['type'] === 'BitstringStatusList' && subject['statusPurpose'] === wanted.purpose, 'another list');
  demand(typeof encoded === 'string' && encoded.startsWith('u'), 'a list that is not multibase base64url');
  const bits = await unpack(fromBase64url(encoded.slice(1)));
  demand(bits.length * 8 >= LEAST_BITS, 'a status list below 131,072 entries');
  demand(wanted.index < bits.length * 8, 'an index outside its list');
  return ((bits[wanted.index >> 3]! >> (7 - (wanted.index & 7))) & 1) === 1;
}
