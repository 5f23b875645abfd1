// An application that backs itself up on request, where there was a cron line with pg_dump before:
//   CAIRN_VAULT=… CAIRN_PASSWORD_FILE=… BACKUP_TOKEN_FILE=… node examples/hono/server.ts
//   curl -X POST -H "Authorization: Bearer $TOKEN" --json '{"source":"uploads"}' localhost:3000/admin/backups
// In your own program the imports are 'cairn-backup'.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { bearerToken, openVault, Secret } from '../../src/index.ts';
import { setting } from '../setting.ts';
import { backupRoutes } from './backups.ts';

const vault = await openVault(setting('CAIRN_VAULT'), { password: setting('CAIRN_PASSWORD') });
const routes = backupRoutes('/admin', {
  vault,
  authorize: bearerToken(new Secret(setting('BACKUP_TOKEN'))),
  sources: {
    uploads: { source: setting('UPLOADS', './uploads') },
    // Its password is in a file that PGPASSFILE names: arguments can be read by everybody on the machine.
    database: { source: { type: 'command', command: 'pg_dump', args: ['--no-password', setting('PGDATABASE', 'app')] } },
  },
});

const app = new Hono();
app.get('/', (c) => c.text('the application'));
app.route('/admin', routes.app);
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(setting('PORT', '3000')) }, ({ port }) =>
  console.log(`listening on http://127.0.0.1:${port}`),
);

process.once('SIGTERM', () => {
  server.close();
  void routes[Symbol.asyncDispose]().then(() => vault.close());
});
