import { describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { openMemoryStorage } from '../storage/drivers/memory.ts';
import { faulty } from '../storage/layers/faulty.ts';
import { StorageLayer } from '../storage/layers/storage-layer.ts';
import type { Storage, StorageFeatures } from '../storage/storage.ts';
import { openStorageStack } from './storage-stack.ts';
import type { StorageSettings } from './storage-settings.ts';

class Remote extends StorageLayer {
  override get features(): StorageFeatures {
    return { ...super.features, remote: true };
  }
}

async function open(place: string | readonly string[] | Storage, settings: StorageSettings = {}): Promise<Storage> {
  return (await openStorageStack(place, settings, () => {})).storage;
}

const shortFault = { how: 'fail', times: 1, error: new CairnError('STORAGE_IO', 'reset', { retry: 'later' }) } as const;

describe('openStorageStack', () => {
  it('tries again what fails on a network', async () => {
    const storage = await open(new Remote(faulty(openMemoryStorage(), shortFault)));
    await storage.write('config', utf8('c'));
    expect(await storage.stat('config')).toBeDefined();
  });

  it('takes no place twice for a mirror, however it is written', async () => {
    const opening = open(['/tmp/vault', 'memory:other', 'file:///tmp/vault/']);
    await expect(opening).rejects.toMatchObject({ code: 'STORAGE_URL_INVALID' });
  });

  it('gives a storage variables of its own, over those of the process', async () => {
    const nobody = { HOME: '/nowhere', AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_PROFILE: '' };
    await expect(open('s3://bucket/prefix', { env: nobody })).rejects.toMatchObject({ code: 'CREDENTIALS_MISSING' });
    const env = { ...nobody, AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };
    await using storage = await open('s3://bucket/prefix', { env });
    expect(storage.url).toContain('bucket');
  });

  it('tells at once what fails on this machine', async () => {
    const storage = await open(faulty(openMemoryStorage(), shortFault));
    await expect(storage.write('config', utf8('c'))).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });

  it('changes nothing when opened for reading only', async () => {
    const storage = await open(openMemoryStorage(), { readOnly: true });
    await expect(storage.write('config', utf8('c'))).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
  });

  it('removes locks and nothing else when opened for adding only', async () => {
    const storage = await open(openMemoryStorage(), { appendOnly: true });
    await storage.write('locks/l', utf8('l'));
    await storage.remove('locks/l');
    await expect(storage.remove('index/i')).rejects.toMatchObject({ code: 'STORAGE_APPEND_ONLY' });
  });

  it('tells of every request, also of those that are tried again', async () => {
    const outcomes: string[] = [];
    const remote = new Remote(faulty(openMemoryStorage(), shortFault));
    const storage = await open(remote, { onOperation: ({ outcome }) => outcomes.push(outcome) });
    await storage.stat('config');
    expect(outcomes).toEqual(['STORAGE_IO', 'ok']);
  });
});
