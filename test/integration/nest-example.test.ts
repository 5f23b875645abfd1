// The module for NestJS in examples/: what it does beside the routes, which application-examples.test.ts asks of all.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BackupsModule } from '../../examples/nestjs/backups-module.ts';
import { type BackupsOptions, BackupsService } from '../../examples/nestjs/backups-service.ts';
import { type Migration, MIGRATIONS, MigrationsService } from '../../examples/nestjs/migrations-service.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';

let scratch: string;
let troubles: string[];
let apps: INestApplication[];

const open = { password: 'x', jobs: 1, cache: false } as const;
const url = (): string => `memory:${scratch}`;
const uploads = (): string => join(scratch, 'uploads.txt');

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-nest-'));
  await writeFile(uploads(), 'hello');
  await (await initVault(url(), { ...open, generatedKey: true })).close();
  troubles = [];
  apps = [];
});
afterEach(async () => {
  for (const app of apps) await app.close();
  await rm(scratch, { recursive: true });
});

async function application(
  options: Partial<BackupsOptions> = {},
  migrations: readonly Migration[] = [],
): Promise<INestApplication> {
  const useFactory = (): BackupsOptions => ({
    openVault: () => openVault(url(), open),
    path: '/admin',
    authorize: () => false,
    onTrouble: (source) => void troubles.push(source),
    sources: { gone: { source: join(scratch, 'gone') }, uploads: { source: uploads() } },
    ...options,
  });
  // oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest is a class
  class AppModule {}
  Module({
    imports: [BackupsModule.register({ useFactory })],
    providers: [MigrationsService, { provide: MIGRATIONS, useValue: migrations }],
  })(AppModule);
  const app = await NestFactory.create(AppModule, new ExpressAdapter(), { logger: false, abortOnError: false });
  apps.push(app);
  return app;
}

const namesIn = async (vault: Vault): Promise<string[]> =>
  (await Array.fromAsync(vault.list())).map(({ name }) => name).sort();

describe('an application with the module for NestJS', () => {
  it('does not start where the vault cannot be opened', async () => {
    const started = application({ openVault: () => openVault('memory:nowhere', open) });
    await expect(started).rejects.toMatchObject({ code: 'VAULT_MISSING' });
  });

  it('gives its service to what asks for it, and closes the vault at its end', async () => {
    const app = await application();
    await app.listen(0, '127.0.0.1');
    const service = app.get(BackupsService);
    expect(await service.backUp('uploads')).toMatchObject({ name: 'uploads', status: 'complete' });
    await app.close();
    await expect(namesIn(service.vault)).rejects.toThrow('closed');
  });

  it('mounts its routes below its path, and leaves the others alone', async () => {
    const app = await application();
    await app.listen(0, '127.0.0.1');
    const address = await app.getUrl();
    const statuses = await Promise.all(
      ['/admin/backups', '/'].map(async (path) => (await fetch(`${address}${path}`)).status),
    );
    expect(statuses).toEqual([401, 404]);
  });

  it('brings back what a migration broke, and does not start', async () => {
    const broken = async (): Promise<never> => {
      await writeFile(uploads(), 'half');
      throw new Error('half way through');
    };
    const app = await application({}, [broken]);
    await expect(app.listen(0, '127.0.0.1')).rejects.toMatchObject({ code: 'GUARD_ROLLED_BACK' });
    expect(await readFile(uploads(), 'utf8')).toBe('hello');
  });

  it('backs up on its own, thins out, goes on after what failed, and tells of it', async () => {
    const app = await application({ everyMs: 10, keep: { last: 1 } });
    const { vault } = app.get(BackupsService);
    const rotations = Promise.withResolvers<void>();
    let count = 0;
    vault.on('rotate.done', () => {
      if (++count === 3) rotations.resolve();
    });
    await app.listen(0, '127.0.0.1');
    await rotations.promise;
    await app.close();
    await using again = await openVault(url(), open);
    expect(new Set(await namesIn(again))).toEqual(new Set(['uploads']));
    expect((await namesIn(again)).length).toBeLessThanOrEqual(2);
    expect(new Set(troubles)).toEqual(new Set(['gone']));
  });
});
