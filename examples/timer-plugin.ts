// A plugin that says how long each backup took. Name it in cairn.yaml:
//   plugins: [./timer-plugin.ts]
// It takes only types from Cairn, so it can lie anywhere. In your own plugin the import is 'cairn-backup'.
import type { Plugin } from '../src/index.ts';

export const plugin: Plugin = {
  name: 'timer',
  activate({ on, logger }) {
    const startedAt = new Map<string, number>();
    const duration = (sessionId: string): string => {
      const started = startedAt.get(sessionId) ?? performance.now();
      startedAt.delete(sessionId);
      return `Job duration: ${(performance.now() - started) / 1000}s`;
    };

    on('backup.before', ({ sessionId }) => {
      startedAt.set(sessionId, performance.now());
      logger.info(`before_backup ${sessionId}`);
    });
    on('backup.done', ({ sessionId, result }) => {
      logger.info(`on_backup ${sessionId} <Backup: ${result.name} ${result.id.slice(0, 8)}>`);
      logger.info(duration(sessionId));
    });
    // Every beginning has an end: this one is told also of a backup that was vetoed or stopped.
    on('backup.failed', ({ sessionId }) => logger.info(`failed after: ${duration(sessionId)}`));
  },
};
