import { chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { Secret } from '../base/secret.ts';
import type { ConfigInput } from './config-input.ts';
import { loadConfig } from './load-config.ts';
import { configOfCode } from './read-config.ts';
import { ConfigPlace, thrownBy } from '../../test/support/config-place.ts';

let place: ConfigPlace;

beforeEach(() => {
  place = new ConfigPlace();
});

afterEach(() => place[Symbol.dispose]());

describe('a good configuration', () => {
  it('becomes values of the domain: paths absolute, durations in milliseconds', async () => {
    place.write(`
vaults:
  main: { url: ./vault, password: { file: ~/pw }, limitUpload: 1M, retryLock: 5m }
  off: { url: [s3://bucket/prefix, rest:https://host/], env: { AWS_SECRET_ACCESS_KEY: '\${KEY}' } }
sources:
  docs: { type: files, paths: documents, exclude: ['*.tmp'] }
  dump: { type: command, command: pg_dump main, filename: main.sql }
plans:
  nightly: { sources: [docs, dump], vault: main, schedule: '0 3 * * *', keep: { days: 7, firstWeekday: Saturday } }
default: { vault: main }
`);
    const { config } = await place.load();
    expect(config.vaults['main']).toEqual({
      urls: [join(place.folder, 'vault')],
      password: { kind: 'file', path: join(place.folder, 'home', 'pw') },
      env: {},
      uploadBytesPerSecond: 1_048_576,
      retryLockMs: 300_000,
    });
    expect(config.vaults['off']).toMatchObject({
      urls: ['s3://bucket/prefix', 'rest:https://host/'],
      env: { AWS_SECRET_ACCESS_KEY: { kind: 'environment', template: '${KEY}' } },
    });
    expect(config.sources['docs']).toMatchObject({ paths: [join(place.folder, 'documents')], exclude: ['*.tmp'] });
    expect(config.sources['dump']).toMatchObject({ command: ['sh', '-c', 'pg_dump main'] });
    expect(config.plans['nightly']?.keep).toEqual({ days: 7, firstWeekday: 'saturday' });
  });

  it('takes a key without a value for absent', async () => {
    place.write('vaults:\nsources:\n  docs: { type: files, paths: [.] }\n');
    expect((await place.load()).config.vaults).toEqual({});
  });

  it('never shows a plain secret', async () => {
    place.write("vaults: { main: { url: ./v, password: 'hunter2' } }\n");
    const { config } = await place.load();
    expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain('hunter2');
  });

  it('takes hooks as lines or in full, and what runs before an action fails it by default', async () => {
    place.write('hooks: { backup.before: [sync, { run: a, timeout: 10s, onError: warn }], backup.done: [b] }\n');
    expect((await place.load()).config.hooks).toEqual({
      'backup.before': [
        { run: 'sync', timeoutMs: 300_000, onError: 'fail' },
        { run: 'a', timeoutMs: 10_000, onError: 'warn' },
      ],
      'backup.done': [{ run: 'b', timeoutMs: 300_000, onError: 'warn' }],
    });
  });

  it('takes plugins as paths, packages, or in full', async () => {
    place.write('plugins: [./timer.mjs, cairn-oracle, { use: ./x.mjs, required: true, options: { a: null } }]\n');
    expect((await place.load()).config.plugins).toEqual([
      { use: join(place.folder, 'timer.mjs'), required: false, options: {} },
      { use: 'cairn-oracle', required: false, options: {} },
      { use: join(place.folder, 'x.mjs'), required: true, options: { a: null } },
    ]);
  });

  it('takes every kind of notification', async () => {
    place.write(`
notifications:
  mail: { type: email, smtp: { host: localhost, port: 25, tls: none }, from: a@b, to: [c@d], on: [backup.failed], digest: 1h }
  slack: { type: slack, url: '\${HOOK}' }
  discord: { type: discord, url: '\${HOOK}', severity: error }
  tg: { type: telegram, token: { env: TOKEN }, chat: -100123 }
  push: { type: ntfy, topic: backups }
  web: { type: webhook, url: '\${HOOK}', secret: { file: s }, headers: { X-Key: '\${KEY}' } }
  alive: { type: ping, url: { command: pass show ping } }
  own: { type: command, command: 'logger "$CAIRN_EVENT"' }
`);
    const { notifications } = (await place.load()).config;
    expect(Object.values(notifications).map(({ type }) => type)).toHaveLength(8);
    expect(notifications['mail']).toMatchObject({ severity: 'info', digestMs: 3_600_000, to: ['c@d'] });
    expect(notifications['tg']).toMatchObject({ chat: '-100123' });
    expect(notifications['push']).toMatchObject({ url: 'https://ntfy.sh' });
  });
});

describe('an error of a configuration', () => {
  it('names file, line, column and key of an unknown key, and the one that was meant', async () => {
    expect(await place.errorOf('vaults:\n  main:\n    url: ./v\n    pasword: x\n')).toBe(
      'cairn.yaml:4:5: vaults.main.pasword: there is no such key; did you mean password?',
    );
  });

  it('tells of everything at once, in the order of the lines', async () => {
    const message = await place.errorOf(
      'vault: 1\nvaults:\n  main: { url: 3 }\nplans:\n  p: { sources: [x], keep: { days: -1 } }\n',
    );
    expect(message.split('\n')).toEqual([
      '4 things are wrong:',
      'cairn.yaml:1:1: vault: there is no such key; did you mean vaults?',
      'cairn.yaml:3:11: vaults.main.url: must be text, or a list of texts; numbers and yes/no need quotes',
      'cairn.yaml:5:18: plans.p.sources[0]: there is no source "x"; the configuration has none',
      'cairn.yaml:5:30: plans.p.keep.days: must be at least 0',
    ]);
  });

  it.each([
    ['a missing key', 'vaults: { main: {} }', 'cairn.yaml:1:11: vaults.main.url: is missing'],
    [
      'a number for a text',
      'vaults: { main: { url: ./v, coldClass: 3 } }',
      "cairn.yaml:1:29: vaults.main.coldClass: must be text; put it in quotes: '3'",
    ],
    [
      'a secret of the wrong form',
      'vaults: { main: { url: ./v, password: { path: x } } }',
      "cairn.yaml:1:29: vaults.main.password: must be text, '${NAME}', { env: NAME }, { file: PATH } or { command: COMMAND }; a number needs quotes",
    ],
    [
      'a source of a type that is not there',
      'sources: { db: { type: postgres, url: x } }',
      'cairn.yaml:1:18: sources.db.type: this version has no source of the type "postgres"; there are files, command, stdin, plugin',
    ],
    [
      'a source without a type',
      'sources: { db: { path: x } }',
      'cairn.yaml:1:12: sources.db.type: a source needs a type; there are files, command, stdin, plugin',
    ],
    [
      'a wrong type inside a list',
      'sources: { a: { type: files, paths: [x, 3] } }',
      "cairn.yaml:1:41: sources.a.paths[1]: must be text; put it in quotes: '3'",
    ],
    [
      'a rotation that keeps nothing',
      'plans: { p: { sources: [a], keep: { days: 0 } } }\nsources: { a: { type: files, paths: [.] } }',
      'cairn.yaml:1:29: plans.p.keep: keeps nothing: give a count above 0 to one of last, seconds, minutes, hours, days, weeks, months, years',
    ],
    [
      'an interval of nothing',
      'plans: { p: { sources: a, every: 0D } }\nsources: { a: { type: files, paths: [.] } }',
      'cairn.yaml:1:27: plans.p.every: must be an interval such as 1D or 1M3W: whole numbers with s, m, h, D, W, M or Y',
    ],
    [
      'a duration that is none',
      'hooks: { backup.before: [{ run: x, timeout: soon }] }',
      'cairn.yaml:1:36: hooks."backup.before"[0].timeout: must be a duration such as 30s, 5m or 1h30m',
    ],
    [
      'an event that is none',
      'hooks: { backup.after: [x] }',
      'cairn.yaml:1:10: hooks."backup.after": is no event: write ACTION.before, ACTION.done or ACTION.failed, such as backup.before',
    ],
    [
      'a vault that is not there',
      'vaults: { main: { url: ./v } }\ndefault: { vault: mian }',
      'cairn.yaml:2:12: default.vault: there is no vault "mian"; did you mean main?',
    ],
    [
      'a name that is a path',
      'vaults: { ./v: { url: ./v } }',
      'cairn.yaml:1:11: vaults."./v": a name has letters, digits, `_`, `-` and `.` only, and begins with a letter, a digit or `_`',
    ],
    [
      'one name for a plan and a source',
      'sources: { a: { type: files, paths: [.] } }\nplans: { a: { sources: [a] } }',
      'cairn.yaml:2:10: plans.a: a source has this name too, and `cairn backup` takes the names of both',
    ],
    ['a key twice', 'vaults: {}\nvaults: {}', 'cairn.yaml:2:1: vaults: is there twice'],
    ['a bracket that never closes', 'vaults: {\n', /^cairn\.yaml:2:1: /],
    ['a list at the top', '- a\n', 'cairn.yaml:1:1: must be keys with values'],
  ])('names the place of %s', async (_, text, expected) => {
    const message = await place.errorOf(text);
    if (typeof expected === 'string') expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });

  it('refuses tags, and runs nothing', async () => {
    expect(await place.errorOf('default: !!python/object/apply:os.system ["touch pwned"]\n')).toContain(
      'cairn.yaml:1:42: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed',
    );
  });

  it('refuses aliases that multiply', async () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level++) {
      const name = String.fromCharCode(97 + level);
      const before = String.fromCharCode(96 + level);
      bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`);
    }
    expect(await place.errorOf(bomb.join('\n'))).toMatch(/alias/i);
  });

  it('refuses brackets without end, and files that are no configuration', async () => {
    expect(await place.errorOf('['.repeat(200_000))).toBe('cairn.yaml: has more than 100 open brackets');
    expect(await place.errorOf(`vaults: ${'{a: '.repeat(90)}`)).toMatch(/^(?:cairn\.yaml|\d+ things)/);
    expect(await place.errorOf(`# ${'x'.repeat(1024 * 1024)}`)).toContain('larger than 256 KiB');
  });

  it('refuses a file that is not UTF-8', async () => {
    writeFileSync(place.file, Buffer.from([0x61, 0xff, 0xfe]), { mode: 0o600 });
    expect((await thrownBy(() => place.load())).message).toContain(`cannot read ${place.file}`);
  });

  it('B08: only the keys that are in use are needed, and the missing ones are told together', async () => {
    place.write('vaults: { a: { url: ./a }, b: { url: s3://b/ } }\n');
    expect(Object.keys((await place.load()).config.vaults)).toEqual(['a', 'b']);
    expect(await place.errorOf('vaults: { a: {}, b: {} }')).toBe(
      '2 things are wrong:\ncairn.yaml:1:11: vaults.a.url: is missing\ncairn.yaml:1:18: vaults.b.url: is missing',
    );
  });
});

describe('profiles', () => {
  const text = `vaults: { main: { url: ./dev, connections: 2 } }
sources: { app: { type: files, paths: [.] } }
default: { vault: main }
profiles:
  production:
    vaults: { main: { url: ./prod } }
    sources: { app: { type: stdin, filename: x } }
  broken: { vaults: { main: { urll: x } } }
`;

  it('change single keys of entries, and replace those of another type', async () => {
    place.write(text);
    const { config, profile } = await place.load({ profile: 'production' });
    expect(profile).toBe('production');
    expect(config.vaults['main']).toMatchObject({ urls: [join(place.folder, 'prod')], connections: 2 });
    expect(config.sources['app']).toMatchObject({ type: 'stdin', filename: 'x' });
  });

  it('are chosen by CAIRN_PROFILE where none is named', async () => {
    place.write(text);
    const env = { CAIRN_PROFILE: 'production' };
    expect((await place.load({ env })).config.vaults['main']?.urls).toEqual([join(place.folder, 'prod')]);
    expect((await place.load({ env: {} })).config.vaults['main']?.urls).toEqual([join(place.folder, 'dev')]);
  });

  it('that are not there are an error, also where there is no file', async () => {
    expect(await place.errorOf(text, { profile: 'prodution' })).toContain(
      'there is no profile "prodution"; did you mean production?',
    );
    rmSync(place.file);
    await expect(place.load({ profile: 'x' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('have errors at their own lines', async () => {
    expect(await place.errorOf(text, { profile: 'broken' })).toBe(
      'cairn.yaml:8:31: vaults.main.urll: there is no such key; did you mean url?',
    );
  });
});

describe('finding the file', () => {
  it('looks in the folder, then above, then in the folder of the user', async () => {
    const inner = join(place.folder, 'a', 'b');
    mkdirSync(inner, { recursive: true });
    const xdg = join(place.folder, 'xdg', 'cairn');
    mkdirSync(xdg, { recursive: true });
    writeFileSync(join(xdg, 'cairn.yaml'), 'vaults: { user: { url: x } }\n');
    const elsewhere = mkdtempSync(join(tmpdir(), 'cairn-config-'));
    const env = { XDG_CONFIG_HOME: join(place.folder, 'xdg') };
    expect((await loadConfig({ cwd: elsewhere, env }))?.by).toBe('user');
    rmSync(elsewhere, { recursive: true });
    place.write('vaults: {}');
    expect((await loadConfig({ cwd: inner, env }))?.file).toBe(place.file);
  });

  it('B12: a missing default file is no configuration, a missing named one is an error', async () => {
    const env = { HOME: place.folder };
    expect(await loadConfig({ cwd: place.folder, env })).toBeUndefined();
    await expect(loadConfig({ cwd: place.folder, env, file: 'none.yaml' })).rejects.toThrow(
      `there is no file ${place.folder}/none.yaml (from --config)`,
    );
    await expect(loadConfig({ cwd: place.folder, env: { CAIRN_CONFIG: 'none.yaml' } })).rejects.toThrow(
      'from CAIRN_CONFIG',
    );
  });

  it('does not take one that everybody can write, unless it is named', async () => {
    place.write('vaults: {}', 0o666);
    expect((await thrownBy(() => place.load())).hint).toContain(`chmod o-w ${place.file}`);
    expect((await place.load({ file: place.file })).warnings[0]).toContain('can be changed by every user');
  });
});

describe.skipIf(process.getuid?.() !== 0)('a file of another user', () => {
  it('is not taken where it is only found', async () => {
    place.write('hooks: { backup.before: [id] }');
    chownSync(place.file, 65_534, 65_534);
    expect((await thrownBy(() => place.load())).message).toContain(
      'belongs to another user, and a configuration can run commands',
    );
    expect((await place.load({ file: place.file })).by).toBe('flag');
  });

  it('is not taken either where another user put a link to one of ours', async () => {
    const own = join(place.folder, 'own.yaml');
    writeFileSync(own, 'hooks: { backup.before: [id] }', { mode: 0o600 });
    symlinkSync(own, place.file);
    expect((await place.load()).file).toBe(place.file);
    lchownSync(place.file, 65_534, 65_534);
    expect((await thrownBy(() => place.load())).message).toContain('belongs to another user');
  });
});

describe('a configuration in code', () => {
  const context = { profile: undefined, env: {}, cwd: '/srv' };

  it('B07: has the keys of the file, and a secret may be one already', async () => {
    const loaded = configOfCode(
      { vaults: { main: { url: 'v', password: new Secret('x'), readOnly: undefined } } },
      context,
    );
    expect(loaded.vault('main')).toMatchObject({ urls: ['/srv/v'] });
    const secret = await loaded.secret(loaded.vault('main').password!, ['vaults', 'main', 'password']);
    expect(Buffer.from(secret.reveal()).toString()).toBe('x');
  });

  it('B07: refuses unknown keys when it runs, and when it is compiled', () => {
    // The compiler looks for unknown keys in literals only, so JavaScript and computed objects get this far.
    const vaults = { main: { url: 'v', urll: 'v' } };
    expect(() => configOfCode({ vaults }, context)).toThrow(
      'config: vaults.main.urll: there is no such key; did you mean url?',
    );
    type Vault = Extract<NonNullable<ConfigInput['vaults']>[string], object>;
    expectTypeOf<'url'>().toExtend<keyof Vault>();
    expectTypeOf<'urll'>().not.toExtend<keyof Vault>();
  });
});
