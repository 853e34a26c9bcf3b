// The page: takes files by drop or choice, hashes the original piece by piece, shows the verdict. Nothing leaves the machine.
import { hex } from '../src/bytes.js';
import { lines } from '../src/report.js';
import { Sm3Stream } from '../src/sm3_stream.js';
import { type Verdict, verifyBundle } from '../src/verify.js';

const ROLES = ['bundle', 'file', 'anchor'] as const;
type Role = (typeof ROLES)[number];

const MAX_SMALL_BYTES = 16 << 20;
const CHUNK_BYTES = 4 << 20;
let run = 0;

const element = (id: string) => document.getElementById(id)!;
const input = (role: Role) => element(role) as HTMLInputElement;
const chosen = (role: Role) => input(role).files?.[0];

function node(tag: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const out = document.createElement(tag);
  if (className) out.className = className;
  out.append(...children);
  return out;
}

function english(text: string, tag = 'span'): HTMLElement {
  const out = node(tag, 'en', text);
  out.lang = 'en';
  return out;
}

function show(state: 'busy' | 'good' | 'bad' | 'idle', ...children: Node[]): void {
  const verdict = element('verdict');
  verdict.dataset['state'] = state;
  verdict.replaceChildren(...children);
}

function heading(zh: string, en: string): HTMLElement {
  return node('h2', '', zh, ' ', english(en));
}

function showVerdict(verdict: Verdict): void {
  if (!verdict.ok) {
    const { explanation, reason, detail } = verdict;
    const key = node('p', 'key', node('code', '', reason), ' ', detail);
    show('bad', heading('✘ 未通过验证', 'Not verified'), node('p', '', explanation.zh), english(explanation.en, 'p'), key);
    return;
  }
  const list = node('dl', '');
  for (const { zh, en, value } of lines(verdict.facts)) list.append(node('dt', '', zh, ' ', english(en)), node('dd', '', value));
  show('good', heading('✔ 验证通过', 'Verified'), list);
}

async function digestOf(file: File, current: () => boolean): Promise<string | undefined> {
  const hash = new Sm3Stream();
  for (let at = 0; at < file.size; at += CHUNK_BYTES) {
    if (!current()) return undefined;
    hash.update(new Uint8Array(await file.slice(at, at + CHUNK_BYTES).arrayBuffer()));
    if (file.size > CHUNK_BYTES) element('progress').textContent = `${Math.floor((100 * Math.min(file.size, at + CHUNK_BYTES)) / file.size)} %`;
  }
  return hex(hash.digest());
}

async function small(file: File): Promise<Uint8Array> {
  return new Uint8Array(await file.slice(0, MAX_SMALL_BYTES + 1).arrayBuffer());
}

async function verify(): Promise<void> {
  const mine = ++run;
  const current = () => mine === run;
  const [bundle, file, anchor] = ROLES.map(chosen);
  if (!bundle) return show('idle');
  const progress = node('span', '');
  progress.id = 'progress';
  show('busy', node('p', '', '正在验证… ', english('Verifying… '), progress));
  try {
    const options = { anchor: anchor && (await small(anchor)), fileDigest: file && (await digestOf(file, current)) };
    const bytes = await small(bundle);
    if (current()) showVerdict(verifyBundle(bytes, options));
  } catch (error) {
    if (!current()) return;
    show('bad', heading('文件无法读取', 'A file could not be read'), node('p', 'key', String(error)));
  }
}

/** As if chosen by hand, so that the controls show what was dropped. */
function choose(role: Role, file: File): void {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input(role).files = transfer.files;
}

function roleOf(file: File): Role {
  if (/\.cxproof$/i.test(file.name)) return 'bundle';
  return /\.cxanchor$/i.test(file.name) ? 'anchor' : 'file';
}

for (const role of ROLES) input(role).addEventListener('change', () => void verify());

element('clear').addEventListener('click', () => {
  for (const role of ROLES) input(role).value = '';
  void verify();
});

const drop = element('drop');
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
document.addEventListener('dragleave', () => drop.classList.remove('over'));
document.addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  for (const file of event.dataTransfer?.files ?? []) choose(roleOf(file), file);
  void verify();
});
