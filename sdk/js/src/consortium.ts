// What docs/formats/consortium.md fixes: who runs a chain together, as the genesis document says it.
import { compare, demand, fromBase64, fromHex, utf8 } from './bytes.js';
import { list, members, natural, text, type Json } from './json.js';

export interface Voter {
  key: Uint8Array;
  weight: bigint;
}

/** Accounts of the genesis: the key in hex and a role. */
export type HasRole = (key: string, role: string) => boolean;

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
const PORT = '[1-9][0-9]{0,4}';
const ADDRESS = new RegExp(`^(?:\\[[0-9a-fA-F:.]{2,}\\]|[0-9A-Za-z][0-9A-Za-z.-]*):(${PORT})$`);

function name(value: Json | undefined, what: string): string {
  const out = text(value, what);
  demand(NAME.test(out), `consortium: the name of ${what}`);
  return out;
}

function key(value: Json | undefined, bytes: number, what: string): string {
  const out = text(value, what);
  demand(fromHex(out, bytes) !== undefined, `consortium: ${what} is not ${bytes} bytes of lower-case hex`);
  return out;
}

function distinct(keys: string[], what: string): void {
  demand(new Set(keys).size === keys.length, `consortium: ${what} stands twice`);
}

function ascending(names: string[], what: string): void {
  demand(names.every((each, i) => i === 0 || names[i - 1]! < each), `consortium: ${what} twice or out of order`);
}

function readOrganisation(json: Json): { name: string; governor: string } {
  const entry = members(json, ['governor_key', 'name', 'root_certificate', 'title'], 'organisation');
  const title = text(entry.get('title'), 'title');
  const bytes = utf8(title);
  demand(bytes.length >= 1 && bytes.length <= 120 && bytes.every((b) => b >= 0x20 && b !== 0x7f), 'consortium: a title');
  const root = fromBase64(text(entry.get('root_certificate'), 'root_certificate'));
  demand(root !== undefined && root.length >= 1 && root.length <= 4096, 'consortium: a root certificate');
  return { name: name(entry.get('name'), 'an organisation'), governor: key(entry.get('governor_key'), 65, 'governor_key') };
}

const NODE = ['address', 'engine_id', 'engine_key', 'key', 'name', 'organisation', 'role', 'service_key', 'weight'];

function readNode(json: Json) {
  const entry = members(json, NODE, 'node');
  const address = text(entry.get('address'), 'address');
  const port = ADDRESS.exec(address)?.[1];
  demand(address.length <= 255 && port !== undefined && Number(port) <= 65535, 'consortium: an address');
  const role = text(entry.get('role'), 'role');
  demand(role === 'voter' || role === 'observer', 'consortium: an unknown role');
  const weight = BigInt(natural(entry.get('weight'), 'weight'));
  demand(weight >= 1n && weight <= 1_000_000_000n, 'consortium: a weight');
  const service = text(entry.get('service_key'), 'service_key') === '' ? '' : key(entry.get('service_key'), 65, 'service_key');
  demand(service !== '00'.repeat(65), 'consortium: a service key of zeroes');
  return {
    name: name(entry.get('name'), 'a node'),
    organisation: text(entry.get('organisation'), 'organisation'),
    key: key(entry.get('key'), 65, 'key'),
    service,
    engineKey: key(entry.get('engine_key'), 32, 'engine_key'),
    engineId: key(entry.get('engine_id'), 20, 'engine_id'),
    votes: role === 'voter',
    weight,
  };
}

/** The voters of a consortium, in the order of a set. */
export function readConsortium(json: Json, hasRole: HasRole): Voter[] {
  const doc = members(json, ['approval', 'nodes', 'organisations'], 'consortium');
  demand(['two_thirds', 'majority', 'all'].includes(text(doc.get('approval'), 'approval')), 'consortium: an unknown approval');
  const organisations = list(doc.get('organisations'), 'organisations').map(readOrganisation);
  const nodes = list(doc.get('nodes'), 'nodes').map(readNode);
  demand(organisations.length >= 1 && organisations.length <= 64, 'consortium: the number of organisations');
  demand(nodes.length >= 1 && nodes.length <= 128, 'consortium: the number of nodes');
  ascending(organisations.map((each) => each.name), 'organisations');
  ascending(nodes.map((each) => each.name), 'nodes');
  const known = new Set(organisations.map((each) => each.name));
  for (const node of nodes) demand(known.has(node.organisation), `consortium: ${node.name} belongs to no organisation of these`);
  distinct(organisations.map((each) => each.governor), 'a governor key');
  distinct(nodes.map((each) => each.key), 'a key');
  distinct(nodes.map((each) => each.engineKey), 'an engine key');
  distinct(nodes.map((each) => each.engineId), 'an engine id');
  const services = nodes.map((each) => each.service).filter((each) => each !== '');
  distinct(services, 'a service key');
  for (const each of organisations) demand(hasRole(each.governor, 'governor'), `consortium: no account for the governor of ${each.name}`);
  for (const each of services) demand(hasRole(each, 'writer'), 'consortium: no account for the services of a node');
  return nodes
    .filter((node) => node.votes)
    .map((node) => ({ key: fromHex(node.key, 65)!, weight: node.weight }))
    .sort((a, b) => compare(a.key, b.key));
}
