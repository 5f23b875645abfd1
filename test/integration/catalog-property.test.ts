// Whatever two machines do to one vault: what each of them recorded on the way is what anybody reads from the vault.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CatalogRow } from '../../src/catalog/catalog-backup.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import type { OpenVaultOptions } from '../../src/vault/vault-options.ts';
import { sharedStorage } from '../support/shared-storage.ts';

let scratch: string;
let machines = 0;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-catalog-property-'));
  await writeFile(join(scratch, 'file'), 'content');
});

afterAll(() => rm(scratch, { recursive: true }));

/** Each with a catalog of its own. */
function newMachine(): OpenVaultOptions {
  return { password: 'x', cache: false, jobs: 1, catalog: { file: join(scratch, `${machines++}.sqlite`) } };
}

type Step = readonly [
  action:
    | 'backup'
    | 'archive'
    | 'set'
    | 'unset'
    | 'tag'
    | 'hold'
    | 'delete'
    | 'rewrite'
    | 'forget'
    | 'rotate'
    | 'deleteOlderThan'
    | 'copy'
    | 'sync',
  machine: 0 | 1,
  n: number,
];

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(
    'backup',
    'backup',
    'archive',
    'archive',
    'set',
    'set',
    'unset',
    'tag',
    'hold',
    'delete',
    'rewrite',
    'forget',
    'rotate',
    'deleteOlderThan',
    'copy',
    'sync',
  ),
  fc.constantFrom(0, 1),
  fc.nat(3),
);

async function take(vault: Vault, other: Vault, [action, , n]: Step): Promise<void> {
  const backups = await Array.fromAsync(vault.list());
  const chosen = backups.at(n);
  const snapshot = backups.find(({ form }) => form === 'snapshot');
  switch (action) {
    case 'backup':
      await vault.backup(Readable.from([Buffer.from(`content ${n}`)]), { name: `name-${n}`, tags: [`t${n}`] });
      break;
    case 'archive':
      await vault.archive(join(scratch, 'file'), { name: `name-${n}`, tags: [`t${n}`] });
      break;
    case 'set':
      await vault.values.set(`key-${n}`, n, n === 0 ? { keep: 1 } : { compress: n === 1 });
      break;
    case 'unset':
      await vault.values.delete(`key-${n}`);
      break;
    case 'tag':
      await vault.tag({ add: [`tag-${n}`] }, { references: snapshot === undefined ? [] : [snapshot.id] });
      break;
    case 'hold':
      await vault.tag({ hold: [`label-${n}`] }, { references: snapshot === undefined ? [] : [snapshot.id] });
      break;
    case 'rotate':
      await vault.rotate({}, { last: 1, seconds: n });
      break;
    case 'deleteOlderThan':
      await vault.deleteOlderThan('1s', {}, { now: new Date(Date.now() + 60_000), keepAtLeast: n + 1 });
      break;
    case 'delete':
      if (chosen !== undefined) await vault.delete(chosen.id);
      break;
    case 'rewrite':
      await vault.rewrite({ host: `host-${n}` }, { forget: n % 2 === 0 });
      break;
    case 'forget':
      await vault.forget(await vault.planForget({ last: n + 1 }, { groupBy: [] }));
      break;
    case 'copy':
      await other.copyTo(vault);
      break;
    case 'sync':
      await vault.catalog.sync();
      break;
    default:
      action satisfies never;
  }
}

/** What there is, whoever wrote the row and when. */
async function rowsOf(vault: Vault): Promise<object[]> {
  const rows = await vault.catalog.find();
  return rows.map((row: CatalogRow) => ({ ...row, createdAt: null, updatedAt: null }));
}

it('two catalogs of one vault agree after a sync, and with one that is made from the vault alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), fc.boolean(), async (steps, isAlone) => {
      const storage = openMemoryStorage();
      await using first = await initVault(sharedStorage(storage), { ...newMachine(), generatedKey: true });
      await using second = await openVault(sharedStorage(storage), newMachine());
      await using elsewhere = await initVault(openMemoryStorage(), { ...newMachine(), generatedKey: true });
      await elsewhere.backup(Readable.from([Buffer.from('from elsewhere')]), { name: 'guest' });
      await first.catalog.sync();
      for (const one of steps) await take(isAlone || one[1] === 0 ? first : second, elsewhere, one);
      // Who was alone knows everything without asking the vault.
      const learned = await first.catalog.sync();
      if (isAlone) expect(learned).toMatchObject({ added: 0, updated: 0, deleted: 0 });
      await using fresh = await openVault(sharedStorage(storage), newMachine());
      await fresh.catalog.rebuild();
      const truth = await rowsOf(fresh);
      for (const vault of [first, second]) {
        await vault.catalog.sync();
        expect(await rowsOf(vault)).toEqual(truth);
        // What was recorded on the way is what a rebuild would write: it finds nothing to correct.
        expect(await vault.catalog.rebuild()).toMatchObject({ added: 0, updated: 0, deleted: 0 });
      }
    }),
    { numRuns: 5, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  );
});
