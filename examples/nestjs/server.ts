// An application that backs itself up every night, where there was a cron job with exec('pg_dump') before, and on request:
//   CAIRN_VAULT=… CAIRN_PASSWORD_FILE=… BACKUP_TOKEN_FILE=… node examples/nestjs/server.ts
//   curl -X POST -H "Authorization: Bearer $TOKEN" --json '{"source":"uploads"}' localhost:3000/admin/backups
// In your own program the imports are 'cairn-backup'.
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { bearerToken, openVault, Secret } from '../../src/index.ts';
import { setting } from '../setting.ts';
import { BackupsModule } from './backups-module.ts';
import type { BackupsOptions } from './backups-service.ts';
import { MIGRATIONS, MigrationsService } from './migrations-service.ts';

const logger = new Logger('Backups');

// oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest is a class
class AppModule {}
Module({
  imports: [
    BackupsModule.register({
      useFactory: (): BackupsOptions => ({
        openVault: () => openVault(setting('CAIRN_VAULT'), { password: setting('CAIRN_PASSWORD') }),
        path: '/admin',
        authorize: bearerToken(new Secret(setting('BACKUP_TOKEN'))),
        everyMs: 24 * 3_600_000,
        keep: { days: 7, weeks: 6, months: 6 },
        onTrouble: (source, error) => logger.error(`the backup of ${source} failed`, error),
        sources: {
          uploads: { source: setting('UPLOADS', './uploads') },
          // Its password is in a file that PGPASSFILE names: arguments can be read by everybody on the machine.
          database: {
            source: { type: 'command', command: 'pg_dump', args: ['--no-password', setting('PGDATABASE', 'app')] },
          },
        },
      }),
    }),
  ],
  providers: [MigrationsService, { provide: MIGRATIONS, useValue: [] }],
})(AppModule);

const app = await NestFactory.create(AppModule, new ExpressAdapter());
app.enableShutdownHooks();
await app.listen(Number(setting('PORT', '3000')), '127.0.0.1');
