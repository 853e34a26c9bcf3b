'use strict';
// Reads openapi.json and lets a person read and try each operation. Values enter the page as text only.

const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== ''));
  return element;
};
const both = (zh, en) => make('span', {}, zh || '', ' ', make('span', { class: 'english', lang: 'en' }, en || ''));

let specification;
const resolve = (schema) =>
  schema && schema.$ref ? specification.components.schemas[schema.$ref.split('/').pop()] : schema || {};

// A value of the schema's shape to begin with.
function sample(schema, depth = 0) {
  const s = resolve(schema);
  if (s.enum) return s.enum[0];
  if (s.type === 'object') {
    const out = {};
    for (const [name, member] of Object.entries(s.properties || {}))
      if (depth === 0 || (s.required || []).includes(name)) out[name] = sample(member, depth + 1);
    return out;
  }
  if (s.type === 'array') return [sample(s.items, depth + 1)];
  if (s.type === 'integer' || s.type === 'number') return s.minimum || 0;
  if (s.type === 'boolean') return false;
  return s.format === 'sm3' ? '0'.repeat(64) : '';
}

function describe(schema) {
  const s = resolve(schema);
  if (s.type === 'array') return `[${describe(s.items)}]`;
  return [schema && schema.$ref ? schema.$ref.split('/').pop() : s.type || 'any', s.format, s.enum && s.enum.join(' | ')]
    .filter(Boolean).join(' · ');
}

function parameterRow(parameter, inputs) {
  const input = make('input', { 'aria-label': parameter.name, required: parameter.required });
  inputs.push({ parameter, input });
  return make('tr', {}, make('td', {}, make('code', {}, parameter.name), parameter.required ? ' *' : ''),
    make('td', {}, parameter.in), make('td', {}, describe(parameter.schema)),
    make('td', {}, both(parameter.description, parameter['x-description-en'])), make('td', {}, input));
}

function responses(operation) {
  const rows = Object.entries(operation.responses).map(([status, answer]) => {
    const media = Object.entries(answer.content || {}).map(([type, one]) => `${type} ${one.schema ? describe(one.schema) : ''}`);
    const reasons = Object.entries(answer['x-reasons'] || {}).map(([key, text]) =>
      make('div', {}, make('code', {}, key), ' ', text === key ? '' : text));
    return make('tr', {}, make('td', {}, status), make('td', {}, both(answer.description, answer['x-description-en']), ...reasons),
      make('td', {}, media.join(', ')));
  });
  return make('table', {}, ...rows);
}

async function send(path, method, inputs, body, output) {
  let url = path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { parameter, input } of inputs) {
    if (input.value === '') continue;
    if (parameter.in === 'path') url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (parameter.in === 'query') query.set(parameter.name, input.value);
    else headers[parameter.name] = input.value;
  }
  if ([...query].length) url += '?' + query;
  const token = document.getElementById('token').value;
  if (token) headers.Authorization = 'Bearer ' + token;
  const request = { method: method.toUpperCase(), headers, cache: 'no-store' };
  if (body) {
    headers['Content-Type'] = body.type;
    request.body = body.file && body.file.files.length ? body.file.files[0] : body.text.value;
  }
  output.textContent = `${request.method} ${url}\n…`;
  try {
    const answer = await fetch(url, request);
    const type = answer.headers.get('Content-Type') || '';
    let text;
    if (type.includes('event-stream')) text = '(事件流，请用 curl -N 查看 · a stream: use curl -N)';
    else if (type.includes('json')) text = JSON.stringify(await answer.json(), null, 2);
    else if (type.startsWith('text/')) text = await answer.text();
    else text = `(${(await answer.arrayBuffer()).byteLength} 字节 bytes, ${type})`;
    const names = ['Location', 'Link', 'Retry-After', 'X-Request-Id', 'Idempotency-Replayed'];
    const shown = names.filter((name) => answer.headers.get(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
    output.textContent = `${request.method} ${url}\n${answer.status} ${answer.statusText}\n${shown.join('\n')}\n\n${text}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function fillOperation(path, method, operation) {
  const inputs = [];
  const parts = [];
  if (operation.parameters.length)
    parts.push(make('table', {}, ...operation.parameters.map((one) => parameterRow(one, inputs))));
  let body;
  if (operation.requestBody) {
    const types = Object.keys(operation.requestBody.content);
    const json = operation.requestBody.content['application/json'];
    body = { type: json ? 'application/json' : types[0] };
    body.text = make('textarea', { rows: 8, spellcheck: 'false', 'aria-label': body.type });
    body.text.value = json ? JSON.stringify(sample(json.schema), null, 2) : '';
    if (!json) body.file = make('input', { type: 'file', 'aria-label': body.type });
    parts.push(make('p', {}, '请求体 body: ', types.join(', ')), json ? body.text : body.file);
  }
  const output = make('pre', { 'aria-live': 'polite', hidden: '' });
  parts.push(make('button', { type: 'button', onclick: () => { output.hidden = false; send(path, method, inputs, body, output); } }, '发送 send'),
    output, responses(operation));
  return make('div', {}, ...parts);
}

function operationView(path, method, operation) {
  const open = !operation.security.length;
  const view = make('details', { class: 'operation' },
    make('summary', {}, make('span', { class: 'method' }, method.toUpperCase()), make('span', { class: 'path' }, path),
      both(operation.summary, operation['x-summary-en']),
      make('span', { class: 'lock' }, open ? '公开 open' : operation['x-owner-only'] ? '所有者 owner' : '令牌 token')));
  view.addEventListener('toggle', () => {
    if (view.open && view.children.length === 1) view.append(fillOperation(path, method, operation));
  });
  view.dataset.text = `${path} ${method} ${operation.summary} ${operation['x-summary-en']}`.toLowerCase();
  return view;
}

async function show() {
  const main = document.getElementById('operations');
  specification = await (await fetch('/api/v1/openapi.json')).json();
  document.getElementById('version').textContent = specification.info.version;
  const groups = new Map();
  for (const [path, methods] of Object.entries(specification.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, make('section', {}, make('h2', {}, tag)));
      groups.get(tag).append(operationView(path, method, operation));
    }
  main.replaceChildren(...groups.values());
  document.getElementById('filter').addEventListener('input', (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const view of main.querySelectorAll('details.operation')) view.hidden = !view.dataset.text.includes(wanted);
  });
}

show().catch((error) => { document.getElementById('operations').textContent = String(error); });
