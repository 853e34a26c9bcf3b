export { type Facts, type Options, type Verdict, verifyBundle } from './verify.js';
export { type Explanation, type Reason, REASONS } from './reasons.js';
export { report, toJson } from './report.js';
export { Sm3Stream } from './sm3_stream.js';
