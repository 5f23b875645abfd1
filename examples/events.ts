// Saves a stream, and hears of it through events; then a listener refuses an action. Run with: node examples/events.ts
// In your own program the imports are 'cairn-backup'.
import { Readable } from 'node:stream';
import { hasCode, initVault, VaultListeners } from '../src/index.ts';

// Listeners to every vault that is opened with them; `vault.on` is for one vault.
const listeners = new VaultListeners();
listeners.on('backup.before', ({ sessionId }) => console.log(sessionId, 'before_backup'));
listeners.on('backup.done', ({ sessionId, result }) => console.log(sessionId, 'on_backup', result.name));
listeners.on('backup.failed', ({ sessionId, error }) => console.log(sessionId, 'failed', String(error)));

await using vault = await initVault('memory:example', {
  password: 'only for this example',
  extensions: { listeners },
});

// A listener may take its time: the backup begins when it is ready.
vault.once('backup.before', async ({ options, signal }) => {
  await new Promise((resolve) => setTimeout(resolve, 10));
  signal.throwIfAborted();
  console.log('about to save', options.name);
});
await vault.backup(Readable.from([Buffer.from('first line\n'), Buffer.from('second line\n')]), { name: 'notes.txt' });

// One that throws, or says why not, keeps an action from beginning. Disposing it takes it away.
{
  using _freeze = vault.on('delete.before', ({ veto }) => veto('nothing is removed in December'));
  try {
    await vault.delete('latest');
  } catch (error) {
    if (!hasCode(error, 'ACTION_VETOED')) throw error;
    console.log(error.message);
  }
}
await vault.delete('latest');
console.log('backups left:', (await Array.fromAsync(vault.list())).length);
