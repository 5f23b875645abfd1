// Vitest's setup of every test file: files that run at the same time have no catalog and no cache in common.
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

for (const name of ['XDG_DATA_HOME', 'XDG_CACHE_HOME']) {
  const folder = process.env[name] ?? '';
  const own = `${process.pid}-${threadId}`;
  // In a process that runs many files this is done for each of them.
  if (!folder.endsWith(own)) process.env[name] = join(folder, own);
}
