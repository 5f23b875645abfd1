import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { editConfigText, writeConfigFile } from './edit-config.ts';

describe('an edit of a configuration', () => {
  it('keeps other keys, their order, and comments', () => {
    const text = `# mine
vaults:
  # far away
  off: { url: s3://b/p } # do not touch
  main:
    url: ./old # where it was
    connections: 3
plans:
`;
    const edits = [
      { path: ['vaults', 'main', 'url'], value: './new' },
      { path: ['plans', 'nightly', 'sources'], value: ['a'] },
      { path: ['default', 'vault'], value: 'main' },
    ];
    expect(editConfigText('f', text, edits)).toBe(`# mine
vaults:
  # far away
  off: { url: s3://b/p } # do not touch
  main:
    url: ./new
    connections: 3
plans:
  nightly:
    sources:
      - a
default:
  vault: main
`);
  });

  it('refuses to touch a file that is no YAML', () => {
    expect(() => editConfigText('f', 'a: [', [])).toThrow('f:1:');
  });

  it('begins a new file with what it is', () => {
    expect(editConfigText('f', '', [{ path: ['default', 'vault'], value: 'x' }])).toMatch(
      /^# Backups by cairn\..*\n\n?default:\n/,
    );
  });
});

describe('the file', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-config-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('B10: is for its owner only, whatever it was before, and leaves nothing beside it', async () => {
    const file = join(folder, 'sub', 'cairn.yaml');
    await writeConfigFile(file, 'a: 1\n');
    chmodSync(file, 0o644);
    await writeConfigFile(file, 'a: 2\n');
    expect(readFileSync(file, 'utf8')).toBe('a: 2\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'sub'))).toEqual(['cairn.yaml']);
  });

  it('is replaced where a symbolic link leads', async () => {
    writeFileSync(join(folder, 'real.yaml'), '');
    symlinkSync('real.yaml', join(folder, 'cairn.yaml'));
    await writeConfigFile(join(folder, 'cairn.yaml'), 'a: 1\n');
    expect(lstatSync(join(folder, 'cairn.yaml')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, 'real.yaml'), 'utf8')).toBe('a: 1\n');
  });

  it('is not touched by a write that was stopped', async () => {
    const file = join(folder, 'cairn.yaml');
    await writeConfigFile(file, 'a: 1\n');
    await expect(writeConfigFile(file, 'a: 2\n', AbortSignal.abort())).rejects.toThrow();
    expect(readFileSync(file, 'utf8')).toBe('a: 1\n');
    expect(readdirSync(folder)).toEqual(['cairn.yaml']);
  });
});
