// Builds what tsc does not: the browser module and the one-file page, whose policy allows its own script and style only.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const common = { bundle: true, minify: true, target: 'es2022', legalComments: 'inline', logLevel: 'warning' };
await build({ ...common, entryPoints: ['src/index.ts'], format: 'esm', platform: 'browser', outfile: 'dist/browser.js' });

const bundled = await build({ ...common, entryPoints: ['web/page.ts'], format: 'iife', platform: 'browser', write: false });
const script = bundled.outputFiles[0].text.replaceAll('</script', '<\\/script');
const style = readFileSync('web/verify.css', 'utf8');
const source = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const policy = `default-src 'none'; script-src ${source(script)}; style-src ${source(style)}; base-uri 'none'; form-action 'none'`;
const page = readFileSync('web/verify.html', 'utf8')
  .replace('<!-- policy -->', () => `<meta http-equiv="Content-Security-Policy" content="${policy}">`)
  .replace('<!-- style -->', () => `<style>${style}</style>`)
  .replace('<!-- script -->', () => `<script>${script}</script>`);
mkdirSync('dist/web', { recursive: true });
writeFileSync('dist/web/verify.html', page);
