// A key-value store on the storage of the backups: every call there is. Run with: node examples/key-value.ts
// In your own program the import is 'cairn-backup'.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hasCode, initVault } from '../src/index.ts';

await using vault = await initVault('memory:example', { password: 'only for this example', cache: false });
const kv = vault.values;

// Anything that JSON can say, compressed unless you say otherwise. Every set is a new version.
const older = await kv.set('mykey', { some: 'older data' });
await kv.set('mykey', { some: 'data' }, { keep: 10 });
console.log('restored', await kv.get('mykey'));

// A URL that is good for a minute. S3 answers it by itself; elsewhere `cairn serve --values` does, or your own server:
const server = createServer((request, response) => {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  void kv.answerUrl({ path, query, method: request.method ?? '' }).then(async (answer) => {
    if (answer.kind !== 'value') return response.writeHead(answer.kind === 'refused' ? 403 : 404).end();
    response.setHeader('Content-Type', answer.contentType);
    if (answer.contentEncoding !== undefined) response.setHeader('Content-Encoding', answer.contentEncoding);
    return response.end(await answer.read({}));
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const url = await kv.url('mykey', { expiresIn: 60, base });
console.log('by its URL', await (await fetch(url)).json());
server.closeAllConnections();
server.close();

// Encrypted with a password of its own (an age file), or to public keys with `recipients`.
await kv.set('my_encrypted_key', 'myvalue', { password: 'mypassword' });
console.log('decrypted', await kv.get('my_encrypted_key', { password: 'mypassword' }));
try {
  await kv.get('my_encrypted_key', { password: 'another' });
} catch (error) {
  if (!hasCode(error, 'PASSWORD_WRONG')) throw error;
}

await kv.set('my_non_compressed_key', { my: 'data' }, { compress: false });
console.log('not compressed', await kv.get('my_non_compressed_key'));

// A default for what is not there, or an error.
console.log('default', await kv.get('no_such_key', { default: 'none yet' }));
try {
  await kv.getOrThrow('no_such_key');
} catch (error) {
  if (!hasCode(error, 'VALUE_MISSING')) throw error;
}

// A schema: a function that parses, or one of zod, valibot and others.
await kv.set('user', { name: 'ada', age: 36 });
const age = await kv.getOrThrow('user', { schema: (value) => (value as { readonly age: number }).age });
console.log('typed', age + 0);

// Older versions: one by its id, or with `at` the one that was the newest at a time.
const history = await kv.history('mykey');
if (history.length !== 2) throw new Error('both versions are kept');
console.log('older', await kv.get('mykey', { id: older.id }));

console.log('keys', (await Array.fromAsync(kv.list(), ({ key }) => key)).join(', '));
if (await kv.has('mykey')) console.log('deleted', await kv.delete('mykey'));
