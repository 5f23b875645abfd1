// Saves a stream, and hears of it through events. Run with: node examples/events.ts
// In your own program the imports are 'cairn-backup'.
import { Readable } from 'node:stream';
import { initVault } from '../src/index.ts';

await using vault = await initVault('memory:example', { password: 'only for this example' });
vault.on('backup.before', ({ sessionId }) => console.log('starts', sessionId));
vault.on('backup.done', ({ sessionId, result }) => console.log('ended', sessionId, result.status, result.name));
vault.on('backup.failed', ({ sessionId, error }) => console.error('failed', sessionId, error));

await vault.backup(Readable.from([Buffer.from('first line\n'), Buffer.from('second line\n')]), { name: 'notes.txt' });
