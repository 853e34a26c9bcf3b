// The verdict as text: Chinese first, English beside it.
import type { Facts, Verdict } from './verify.js';

export interface Line {
  zh: string;
  en: string;
  value: string;
}

/** A time in ms as ISO 8601 in UTC; as bare ms when no calendar reaches so far. */
export function when(ms: bigint | number): string {
  const date = new Date(Number(ms));
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

/** A JSON value for reading: strings without their quotes. */
export function shown(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

/** What a bundle that holds shows, in the order in which people ask. */
export function lines(facts: Facts): Line[] {
  const out: Line[] = [
    { zh: '文件摘要 (SM3)', en: 'digest', value: facts.digest },
    { zh: '原文件', en: 'original', value: facts.file === 'matches' ? '一致 matches' : '未给出 not given' },
    { zh: '上链时间', en: 'recorded at', value: `${when(facts.block.timeMs)}  (区块 block ${facts.block.height})` },
    { zh: '区块时间', en: 'certified at', value: `${when(facts.chain.timeMs)}  (区块 block ${facts.chain.height})` },
    { zh: '提交者密钥', en: 'submitter key', value: facts.signer },
    { zh: '链', en: 'chain', value: facts.chain.name },
    { zh: '链标识', en: 'chain id', value: facts.chain.id },
    {
      zh: '信任锚', en: 'trust anchor',
      value: facts.anchor === 'pinned' ? '相符 matches' : '未给出：请核对链标识 not given: compare the chain id with one obtained elsewhere',
    },
    { zh: '验证者', en: 'validators', value: String(facts.validators) },
  ];
  if (facts.timestamp) {
    const { timeMs, authority, pinned } = facts.timestamp;
    const doubt = pinned ? '' : '  (签发机构未经信任锚核对 its authority is not vouched for by an anchor)';
    out.push({ zh: '时间戳', en: 'time-stamp', value: `${when(timeMs)}  (${authority})${doubt}` });
  }
  for (const field of facts.record) out.push({ zh: '记录', en: 'record', value: `${field.name}: ${shown(field.json)}` });
  if (facts.withheldFields > 0) out.push({ zh: '未披露字段', en: 'withheld fields', value: String(facts.withheldFields) });
  return out;
}

// Bundles come from strangers: what they name must not steer the terminal or reorder the line.
const visible = (text: string) => text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');

export function report(verdict: Verdict): string {
  if (!verdict.ok) {
    const { reason, explanation, detail } = verdict;
    return [`✘ 未通过验证  NOT VERIFIED`, `  ${explanation.zh}`, `  ${explanation.en}`, `  ${reason}: ${visible(detail)}`].join('\n');
  }
  return ['✔ 验证通过  VERIFIED', ...lines(verdict.facts).map(({ zh, en, value }) => `  ${zh} ${en}: ${visible(value)}`)].join('\n');
}

/** JSON text of a verdict; 64-bit numbers become decimal strings. */
export function toJson(verdict: Verdict): string {
  return JSON.stringify(verdict, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}
