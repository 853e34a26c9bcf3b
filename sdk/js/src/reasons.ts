// What each reason key means, for people.

export interface Explanation {
  zh: string;
  en: string;
}

export const REASONS = {
  'proof.malformed': { zh: '证明文件格式错误：文件损坏，或不是 .cxproof 文件。', en: 'The proof file is malformed: damaged, or not a .cxproof file.' },
  'proof.protocol_unknown': { zh: '证明所依据的协议版本本校验程序不认识，请使用更新的校验程序。', en: 'The proof follows a version of the protocol that this verifier does not know; use a newer one.' },
  'proof.record_mismatch': { zh: '存证记录与上链的承诺不一致。', en: 'The record is not the one committed to on the chain.' },
  'proof.body_malformed': { zh: '交易内容不规范，或其中没有所指的存证。', en: 'The transaction is not in its canonical form, or holds no such evidence.' },
  'proof.inner_path_mismatch': { zh: '该条目不属于这笔交易。', en: 'The item does not belong to this transaction.' },
  'proof.signature_invalid': { zh: '提交者对交易的签名无效。', en: "The submitter's signature of the transaction does not hold." },
  'proof.not_accepted': { zh: '链上未接受这笔交易。', en: 'The chain did not accept the transaction.' },
  'proof.log_path_mismatch': { zh: '交易不在该区块承诺的日志中。', en: 'The transaction is not in the log that the block commits to.' },
  'proof.chain_mismatch': { zh: '各部分不属于同一条链，或高度、时间前后矛盾。', en: 'The parts are not of one chain, or heights or times contradict one another.' },
  'proof.genesis_malformed': { zh: '创世文件不规范。', en: 'The genesis document is not in its canonical form.' },
  'proof.validators_unproven': { zh: '无法从创世文件证明到签署该区块的验证者集合。', en: 'The validators that signed the block do not follow from the genesis document.' },
  'proof.certificate_invalid': { zh: '区块未获得足够的有效验证者签名。', en: 'The block lacks enough valid signatures of its validators.' },
  'proof.timestamp_invalid': { zh: '可信时间戳无效。', en: 'The time-stamp is not valid.' },
  'proof.anchor_malformed': { zh: '信任锚文件格式错误。', en: 'The trust anchor is malformed.' },
  'proof.anchor_mismatch': { zh: '与给定的信任锚不符：不是那条链，或不是所列的时间戳机构。', en: 'Not what the trust anchor names: another chain, or another time-stamp authority.' },
  'proof.file_mismatch': { zh: '给出的原文件不是被存证的文件（摘要不同）。', en: 'The given original is not the file in evidence (its digest differs).' },
} as const satisfies Record<string, Explanation>;

export type Reason = keyof typeof REASONS;
