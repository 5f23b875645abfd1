// Values from the command line, as their users have them.
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, errorOf, Home } from './cairn-program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
});
afterEach(() => home[Symbol.asyncDispose]());

const json = <T>({ stdout }: Ended): T => JSON.parse(stdout) as T;

describe('kv', () => {
  it('B52: sets a value from an argument, standard input or a file, and gets it', async () => {
    await writeFile(home.file('value.json'), '[1, 2]');
    for (const [args, input, printed] of [
      [['{"some":"data"}'], '', '{\n  "some": "data"\n}\n'],
      [['-'], ' "from stdin" ', '"from stdin"\n'],
      [['--file', 'value.json'], '', '[\n  1,\n  2\n]\n'],
      [['--text', 'just text'], '', '"just text"\n'],
    ] as const) {
      expect(await home.run(['kv', 'set', 'mykey', ...args], { input })).toMatchObject({ exit: 0, stdout: '' });
      expect(await home.run(['kv', 'get', 'mykey'])).toMatchObject({ exit: 0, stdout: printed });
    }
    expect(json<{ versions: unknown[] }>(await home.run(['kv', 'list', 'mykey', '--json'])).versions).toHaveLength(4);
    const folder = join(home.vault, 'values', 'mykey');
    const [oldest = ''] = (await readdir(folder)).toSorted();
    expect(gunzipSync(readFileSync(join(folder, oldest))).toString()).toBe('{"some":"data"}');
  });

  it('B53: says with a code of its own that there is no such value, or prints the default', async () => {
    await home.run(['kv', 'set', 'other', '1']);
    const run = await home.run(['kv', 'get', 'none', '--json']);
    expect([run.exit, errorOf(run).code]).toEqual([17, 'VALUE_MISSING']);
    expect(await home.run(['kv', 'get', 'none', '--default', '{}'])).toMatchObject({ exit: 0, stdout: '{}\n' });
  });

  it('B52: encrypts with a password of its own, which never shows', async () => {
    const env = { CAIRN_VALUE_PASSWORD: 'value password' };
    const set = await home.run(['kv', 'set', 'k', '-', '--text', '--encrypt'], { env, input: 'hunter2' });
    expect(set).toMatchObject({ exit: 0, stderr: expect.stringContaining('encrypted') });
    expect(set.stderr).not.toMatch(/hunter2|value password/);
    expect(await home.run(['kv', 'get', 'k', '--raw'], { env })).toMatchObject({ exit: 0, stdout: 'hunter2' });
    const wrong = await home.run(['kv', 'get', 'k', '--json'], { env: { CAIRN_VALUE_PASSWORD: 'other' } });
    expect([wrong.exit, errorOf(wrong).code]).toEqual([12, 'PASSWORD_WRONG']);
    expect(await home.run(['kv', 'get', 'k'])).toMatchObject({ exit: 12 });
  });

  it('refuses what is no JSON without repeating it', async () => {
    const run = await home.run(['kv', 'set', 'k', 'hunter2']);
    expect(run.exit).toBe(2);
    expect(run.stderr).toContain('--text');
    expect(run.stderr).not.toContain('hunter2');
  });

  it('B54: deletes after a yes, all keys or none', async () => {
    for (const key of ['a', 'b']) await home.run(['kv', 'set', key, '1']);
    expect(await home.run(['kv', 'delete', 'a', 'b'])).toMatchObject({ exit: 19 });
    expect(await home.run(['kv', 'delete', 'a', 'none', '--yes'])).toMatchObject({ exit: 17 });
    const run = await home.run(['kv', 'delete', 'a', '--yes', '--json']);
    expect(json(run)).toMatchObject({ keys: [{ key: 'a', versions: 1 }], deleted: ['a'] });
    expect(json(await home.run(['kv', 'list', '--json']))).toMatchObject({ values: [{ key: 'b' }] });
  });
});

describe('a value among the backups', () => {
  it('B56: is in list and show, and is restored and deleted by its key', async () => {
    const env = { CAIRN_VALUE_PASSWORD: 'value password' };
    await home.run(['kv', 'set', 'app/Key', '{"some":"data"}', '--encrypt'], { env });
    const listed = json<{ id: string; form: string; name: string }[]>(await home.run(['list', '--json']));
    expect(listed).toMatchObject([{ form: 'value', name: 'app/Key' }]);
    expect((await home.run(['list'])).stdout).toContain(listed[0]?.id);
    expect(json(await home.run(['show', 'app/Key', '--json']))).toMatchObject({ id: listed[0]?.id, encrypted: true });
    expect((await home.run(['show', 'app/Key'])).stdout).toMatch(/encrypted +yes/);
    expect(await home.run(['restore', 'app/Key', '--to', 'out'])).toMatchObject({ exit: 12 });
    expect(await home.run(['restore', 'app/Key', '--to', 'out'], { env })).toMatchObject({ exit: 0 });
    expect(await readFile(home.file('out', 'app%2F%4Bey.json'), 'utf8')).toBe('{"some":"data"}');
    expect(await home.run(['delete', 'app/Key'])).toMatchObject({ exit: 19 });
    expect(json(await home.run(['delete', 'app/Key', '--yes', '--json']))).toMatchObject({ removed: [listed[0]?.id] });
    expect(await home.run(['kv', 'get', 'app/Key'])).toMatchObject({ exit: 17 });
  });
});

describe('serve --values', () => {
  it('B55: answers the URLs of kv url, until it is told to end', async () => {
    await home.run(['kv', 'set', 'mykey', '{"some":"data"}']);
    const server = home.start(['serve', '--values', '--listen', '127.0.0.1:0', '--json']);
    const lines = createInterface({ input: server.stdout ?? process.stdin })[Symbol.asyncIterator]();
    const listening = JSON.parse((await lines.next()).value as string) as { readonly url: string };
    const { url } = json<{ readonly url: string }>(
      await home.run(['kv', 'url', 'mykey', '--expires', '60s', '--base-url', listening.url, '--json']),
    );
    const response = await fetch(url);
    expect([response.status, await response.json()]).toEqual([200, { some: 'data' }]);
    expect((await fetch(url.replace('expires=1', 'expires=2'))).status).toBe(403);
    expect((await fetch(`${listening.url}values/`)).status).toBe(403);
    const ends = once(server, 'close');
    server.kill('SIGTERM');
    await ends;
    expect(JSON.stringify(await Array.fromAsync({ [Symbol.asyncIterator]: () => lines }))).not.toContain('signature');
  });

  it('B55: a missing key and a time out of bounds are errors', async () => {
    await home.run(['kv', 'set', 'mykey', '1']);
    const base = ['--base-url', 'http://localhost:1', '--json'];
    expect(errorOf(await home.run(['kv', 'url', 'none', ...base])).code).toBe('VALUE_MISSING');
    expect(errorOf(await home.run(['kv', 'url', 'mykey', '--expires', '8d', ...base])).code).toBe('ARGUMENT_INVALID');
    expect(await home.run(['kv', 'url', 'none', '--no-check', ...base])).toMatchObject({ exit: 0 });
  });

  it('takes no option that it would ignore', async () => {
    expect(await home.run(['serve', '--values', '--no-auth'])).toMatchObject({ exit: 2 });
    expect(await home.run(['serve', '--values', '--rest'])).toMatchObject({ exit: 2 });
  });
});
