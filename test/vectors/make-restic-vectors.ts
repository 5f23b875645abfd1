// Makes the vectors of this folder from what a real restic writes: backs up a directory of odd entries,
// then stores the files of the repository as they are, and opened. Needs root (device nodes), GNU touch,
// setfattr. Run: node test/vectors/make-restic-vectors.ts /path/to/restic
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeKeyFile, openKeyFile } from '../../src/formats/crypto/key-file.ts';
import { openBytes } from '../../src/formats/crypto/sealed.ts';
import { decodeUnpacked } from '../../src/formats/unpacked.ts';
import { createCodec } from '../../src/kernels/codec.ts';

const restic = process.argv[2];
if (restic === undefined) throw new Error('usage: node test/vectors/make-restic-vectors.ts RESTIC');

const PASSWORD = 'cairn vectors';
const vectors = import.meta.dirname;
const version = /restic (\S+)/.exec(execFileSync(restic, ['version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-vectors-'));
const repository = path.join(work, 'repo');
const source = path.join(work, 'source');
const env = {
  ...process.env,
  TZ: 'Europe/Berlin',
  RESTIC_PASSWORD: PASSWORD,
  RESTIC_REPOSITORY: repository,
  RESTIC_CACHE_DIR: path.join(work, 'cache'),
};
const run = (program: string, ...args: string[]): string => execFileSync(program, args, { env, encoding: 'utf8' });

function at(...parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat([Buffer.from(`${source}/`), ...parts.map((part) => Buffer.from(part))]);
}

/** Bytes of names: every byte that a name may have, broken UTF-8, and characters that are not printable. */
function oddNames(): Buffer[] {
  const names: Buffer[] = [];
  for (let byte = 1; byte < 256; byte++) if (byte !== 0x2f) names.push(Buffer.from([0x62, byte]));
  const texts = [
    '<&>"\\\'`',
    '\u2028\u2029',
    '\u00a0\u00ad\ufeff\u200d',
    '\ufffd',
    'ä',
    'a\u0308',
    '日本語',
    '😀',
    '\ue000',
  ];
  texts.push('\u0378', '\u{10ffff}', '\u{e0001}', '\\x41', '\\u00e4', 'a b', '\u3000', '€', '\u0301', '٣', '\u{1f1e9}');
  for (const text of texts) names.push(Buffer.from(`t${text}`));
  for (const hex of [
    'c080',
    'eda080',
    'f4908080',
    'e282',
    'f09f98',
    'c3c3a4',
    'f8888080',
    'ff41fe',
    'efbfbe',
    'efbfbf',
  ]) {
    names.push(Buffer.from(`u${Buffer.from(hex, 'hex').toString('latin1')}`, 'latin1'));
  }
  return names;
}

function makeSource(): void {
  fs.mkdirSync(at('names'), { recursive: true });
  for (const name of oddNames()) fs.writeFileSync(at('names/', name), '');
  fs.mkdirSync(at('kinds/empty'), { recursive: true });
  fs.writeFileSync(at('kinds/file'), 'some content\n'.repeat(50));
  fs.writeFileSync(at('kinds/random'), Buffer.from('2f8a91c04d7b', 'hex'));
  fs.linkSync(at('kinds/file'), at('kinds/hard-link'));
  fs.writeFileSync(at('kinds/setuid'), 'x');
  fs.chmodSync(at('kinds/setuid'), 0o6751);
  fs.mkdirSync(at('kinds/sticky'));
  fs.chmodSync(at('kinds/sticky'), 0o1777);
  fs.writeFileSync(at('kinds/no-permissions'), 'y', { mode: 0 });
  run('chown', '4242:4243', `${source}/kinds/no-permissions`);
  fs.symlinkSync(Buffer.from('target/<&>\u2028'), at('kinds/link'));
  fs.symlinkSync(Buffer.from([0x61, 0xff, 0x0a, 0xc3, 0xa4, 0x08, 0x0c, 0x7f, 0xe2, 0x82]), at('kinds/link-not-utf8'));
  run('mkfifo', `${source}/kinds/fifo`);
  run('mknod', `${source}/kinds/char-device`, 'c', '1', '3');
  run('mknod', `${source}/kinds/block-device`, 'b', '7', '200');
  run('mknod', `${source}/kinds/device-zero`, 'c', '0', '0');
  fs.writeFileSync(at('kinds/attributes'), 'z');
  for (const [name, value] of [
    ['user.empty', ''],
    ['user.text', 'some text'],
    ['user.b\u00fc<', '0x00ff10'],
  ] as const) {
    run('setfattr', '-n', name, '-v', value, `${source}/kinds/attributes`);
  }
  fs.mkdirSync(at('times'));
  const times = {
    old: '-86400.5',
    ns: '1720000000.000000001',
    half: '1710000000.5',
    whole: '1700000000',
    far: '4102444800.12',
  };
  for (const [name, time] of Object.entries({ ...times, winter: '1704067199.999999999', epoch: '0' })) {
    fs.writeFileSync(at(`times/${name}`), '');
    run('touch', '-d', `@${time}`, `${source}/times/${name}`);
  }
}

function save(format: string, name: string, bytes: Uint8Array): void {
  fs.mkdirSync(path.join(vectors, format), { recursive: true });
  fs.writeFileSync(path.join(vectors, format, `restic-${version}${name}`), bytes);
}

function filesIn(folder: string): string[] {
  const names = fs.readdirSync(path.join(repository, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /[0-9a-f]{64}$/.test(name)).map((name) => path.join(repository, folder, name));
}

/** A lock as it lies there while restic waits for its input. */
async function copyLock(): Promise<Uint8Array> {
  const child = spawn(restic ?? '', ['backup', '--stdin', '--host', 'vector-host'], {
    env,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  let files: string[] = [];
  while (files.length === 0) {
    await sleep(50);
    files = filesIn('locks');
  }
  const bytes = fs.readFileSync(files[0] ?? '');
  child.stdin.end();
  await new Promise((resolve) => child.once('exit', resolve));
  return bytes;
}

makeSource();
run(restic, 'init', '--repository-version', '2');
run(restic, 'backup', '--host', 'vector-host', '--tag', 'odd <&>', '--tag', 'b', '--exclude', '*.\u2028tmp', source);
const firstSnapshot = filesIn('snapshots');
fs.writeFileSync(at('kinds/file-2'), 'more');
run(restic, 'backup', '--host', 'vector-host', source);
const allSnapshots = filesIn('snapshots');

const codec = createCodec();
const keyFile = fs.readFileSync(filesIn('keys')[0] ?? '');
const key = await openKeyFile(codec, decodeKeyFile(keyFile), Buffer.from(PASSWORD));
const open = (file: string): Uint8Array => openBytes(codec, key, fs.readFileSync(file));
save('key-file', '.json', keyFile);
save('config', '.sealed', fs.readFileSync(path.join(repository, 'config')));
save('config', '.json', open(path.join(repository, 'config')));
for (const file of allSnapshots) {
  save('snapshot', firstSnapshot.includes(file) ? '-first.json' : '-second.json', decodeUnpacked(codec, open(file)));
}
const indexFiles = filesIn('index').sort((a, b) => fs.statSync(b).size - fs.statSync(a).size);
save('index-file', '.sealed', fs.readFileSync(indexFiles[0] ?? ''));
save('index-file', '.json', decodeUnpacked(codec, open(indexFiles[0] ?? '')));
const packs = filesIn('data').sort((a, b) => fs.statSync(a).size - fs.statSync(b).size);
for (const pack of packs.slice(0, 2)) save('pack', `-${path.basename(pack).slice(0, 8)}.pack`, fs.readFileSync(pack));
for (const name of ['names', 'kinds', 'times', '']) {
  const tree = execFileSync(restic, ['cat', 'blob', treeId(path.join(source, name))], { env });
  save('tree', `-${name === '' ? 'source' : name}.json`, tree);
}
save('lock', '.json', decodeUnpacked(codec, openBytes(codec, key, await copyLock())));
fs.rmSync(work, { recursive: true, force: true });

/** Walks from the root tree of the first snapshot to a directory, with nothing but restic's own commands. */
function treeId(directory: string): string {
  const snapshot = path.basename(firstSnapshot[0] ?? '');
  let id = (JSON.parse(run(restic ?? '', 'cat', 'snapshot', snapshot)) as { tree: string }).tree;
  for (const part of directory.split('/').filter((name) => name !== '')) {
    const tree = JSON.parse(run(restic ?? '', 'cat', 'blob', id)) as { nodes: { name: string; subtree?: string }[] };
    id = tree.nodes.find((node) => node.name === part)?.subtree ?? '';
  }
  return id;
}
