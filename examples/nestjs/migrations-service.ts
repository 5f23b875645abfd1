// A part of the application that has something backed up before it: `BackupsService` is injected as any other.
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { BackupsService } from './backups-service.ts';

export type Migration = () => Promise<void>;

export const MIGRATIONS: unique symbol = Symbol('migrations');

export class MigrationsService implements OnApplicationBootstrap {
  readonly #backups: BackupsService;
  readonly #migrations: readonly Migration[];

  constructor(backups: BackupsService, migrations: readonly Migration[]) {
    this.#backups = backups;
    this.#migrations = migrations;
  }

  /** Where one fails, the files are as before, the application does not start, and the error says which backup is held. */
  async onApplicationBootstrap(): Promise<void> {
    if (this.#migrations.length === 0) return;
    await this.#backups.guard('uploads', async () => {
      for (const migrate of this.#migrations) await migrate();
    });
  }
}
Injectable()(MigrationsService);
Inject(BackupsService)(MigrationsService, undefined, 0);
Inject(MIGRATIONS)(MigrationsService, undefined, 1);
