// Backups of an application, in Hono. In your own program the imports are 'cairn-backup'.
import { Hono } from 'hono';
import { type BackupHandlerOptions, createBackupHandler } from '../../src/index.ts';

export interface BackupRoutes extends AsyncDisposable {
  readonly app: Hono;
}

/** The routes of `createBackupHandler`; mount them with `app.route('/admin', routes.app)`. */
export function backupRoutes(path: string, options: Omit<BackupHandlerOptions, 'basePath'>): BackupRoutes {
  const handler = createBackupHandler({ ...options, basePath: path });
  const app = new Hono();
  app.all('/*', (c) => handler.fetch(c.req.raw));
  return { app, [Symbol.asyncDispose]: () => handler[Symbol.asyncDispose]() };
}
