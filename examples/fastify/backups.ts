// Backups of an application, as a Fastify plugin. In your own program the imports are 'cairn-backup'.
import type { FastifyInstance } from 'fastify';
import { type BackupHandlerOptions, createBackupHandler, nodeListener } from '../../src/index.ts';

/**
 * The routes of `createBackupHandler`: `app.register(backupPlugin, { prefix: '/admin', vault, sources, authorize })`. They are
 * stopped with the application; close the vault after it.
 */
export async function backupPlugin(app: FastifyInstance, options: Omit<BackupHandlerOptions, 'basePath'>): Promise<void> {
  const handler = createBackupHandler({ ...options, basePath: app.prefix });
  const listener = nodeListener((request) => handler.fetch(request));
  // In this plugin only: the handler reads bodies itself, after it has asked who sends them.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.all('/*', async (request, reply) => {
    reply.hijack();
    await listener(request.raw, reply.raw);
  });
  app.addHook('onClose', () => handler[Symbol.asyncDispose]());
}
