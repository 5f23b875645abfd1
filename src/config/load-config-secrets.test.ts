import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigPlace, thrownBy } from '../../test/support/config-place.ts';

let place: ConfigPlace;

beforeEach(() => {
  place = new ConfigPlace();
});

afterEach(() => place[Symbol.dispose]());

describe('a missing variable', () => {
  const text = "vaults: { main: { url: './${PLACE}' }, other: { url: ./o } }\n";

  it('names itself and the key where what has it is used, and stops nothing else', async () => {
    place.write(text);
    const loaded = await place.load();
    expect(loaded.vault('other').urls).toEqual([join(place.folder, 'o')]);
    expect(() => loaded.vault('main')).toThrow(
      `${place.file}:1:19: vaults.main.url: the environment variable PLACE is not set`,
    );
  });

  it('is told of by what asks for the whole', async () => {
    place.write(text);
    expect((await place.load()).requireVariables.bind(await place.load())).toThrow('PLACE is not set');
  });

  it('has a value otherwise where one is given, and `$${` is text', async () => {
    place.write("vaults: { main: { url: './${PLACE:-here}/$${x}' } }\n");
    expect((await place.load()).vault('main').urls).toEqual([join(place.folder, 'here', '${x}')]);
  });

  it.each(['${CAIRN-PASSWORD}', '${A:-${B}}', '${A', '${}', '${1A}', '${A:?gone}'])(
    'is never taken for its own text: %s',
    async (text) => {
      expect(await place.errorOf(`vaults:\n  main: { url: s3://b/p, password: '${text}' }\n`)).toMatch(
        /^cairn\.yaml:2:\d+: vaults\.main\.password: has a \$\{ that begins no variable/,
      );
      expect(await place.errorOf(`sources:\n  a: { type: files, paths: ['${text}'] }\n`)).toContain(
        'begins no variable',
      );
    },
  );

  it('that is empty makes no path and no address, unless the file says that it may be', async () => {
    place.write(
      "vaults:\n  a: { url: '${V}' }\n  b: { url: '${V:-}./b' }\nsources:\n  s: { type: files, paths: ['${V}/x'] }\n",
    );
    const loaded = await place.load({ env: { V: '' } });
    expect(() => loaded.vault('a')).toThrow('the environment variable V is empty');
    expect(() => loaded.source('s')).toThrow('the environment variable V is empty');
    expect(loaded.vault('b').urls).toEqual([join(place.folder, 'b')]);
  });

  it('of a secret is told of when the secret is needed', async () => {
    place.write("vaults: { main: { url: ./v, password: '${SECRET_WORD}' } }\n");
    const loaded = await place.load();
    const { password } = loaded.vault('main');
    await expect(loaded.secret(password!, ['vaults', 'main', 'password'])).rejects.toThrow(
      `${place.file}:1:29: vaults.main.password: the environment variable SECRET_WORD is not set`,
    );
  });
});

describe('secrets', () => {
  const path = ['vaults', 'main', 'password'];

  async function secretOf(form: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
    place.write(`vaults: { main: { url: ./v, password: ${form} } }\n`);
    const loaded = await place.load({ env });
    const secret = await loaded.secret(loaded.vault('main').password!, path);
    return Buffer.from(secret.reveal()).toString();
  }

  it('come from text, the environment, a file or a command', async () => {
    writeFileSync(join(place.folder, 'pw'), 'of a file\n');
    expect(await secretOf('plain')).toBe('plain');
    expect(await secretOf("'${PW}!'", { PW: 'of env' })).toBe('of env!');
    expect(await secretOf('{ env: PW }', { PW: 'of env' })).toBe('of env');
    expect(await secretOf('{ file: pw }')).toBe('of a file');
    expect(await secretOf('{ command: \'printf %s "$0"; echo ed\' }')).toMatch(/ed$/);
  });

  it('that cannot be read name their key', async () => {
    await expect(secretOf('{ file: none }')).rejects.toThrow(
      `${place.file}:1:29: vaults.main.password: cannot read the file ${place.folder}/none`,
    );
    await expect(secretOf("{ command: 'exit 3 # hunter2' }")).rejects.toThrow(
      `${place.file}:1:29: vaults.main.password: its command failed: exit code 3`,
    );
    await expect(secretOf("{ command: 'true' }")).rejects.toThrow('vaults.main.password: is empty');
  });

  it('in plain text make a file that others can read refused, with chmod as the way out', async () => {
    place.write('vaults: { main: { url: ./v, password: plain } }\n', 0o644);
    const error = await thrownBy(() => place.load());
    expect(error.message).toBe(
      `${place.file}:1:29: vaults.main.password: is a secret in plain text, in a file that is open to every user of this machine (mode 0644)`,
    );
    expect(error.hint).toContain(`chmod 600 ${place.file}`);
    chmodSync(place.file, 0o640);
    expect((await thrownBy(() => place.load())).message).toContain('open to the group of the file');
  });

  it('are in plain text also where they are what holds without a variable', async () => {
    place.write("vaults:\n  main: { url: s3://b/p, password: '${PW:-hunter2}' }\n", 0o644);
    const { code, message } = await thrownBy(() => place.load());
    expect([code, message]).toEqual(['CONFIG_INVALID', expect.stringContaining('vaults.main.password')]);
  });

  it('in the address of a storage count as plain text', async () => {
    place.write('vaults: { main: { url: "rest:https://me:hunter2@host/" } }\n', 0o644);
    const { message } = await thrownBy(() => place.load());
    expect(message).toContain('vaults.main.url: is a secret in plain text');
    expect(message).not.toContain('hunter2');
  });

  it('that are named only may stand in a file for all to read', async () => {
    place.write("vaults: { main: { url: ./v, password: '${PW}', env: { A: { file: a } } } }\n", 0o644);
    expect((await place.load()).warnings).toEqual([]);
  });
});
