// Loaded ahead of the real program (`node --import`): numbers every operation that it asks of a local storage, in the order in
// which they begin, and ends it, as kill -9 does, at one of them. Without a number it only writes them down.
//
// CAIRN_KILL_DRIVER the module of the local driver, as the program loads it
// CAIRN_KILL_BELOW  the folders of the storages, separated by colons; what lies elsewhere does not count
// CAIRN_KILL_AT     the number, from 1
// CAIRN_KILL_WHEN   `before` it begins; `torn`: half of what it writes is in its temporary file (before, where it writes nothing);
//                   `after`: it is done, and the program does not know yet
// CAIRN_KILL_LOG    where each operation goes as it begins, a line each: number, how many others are under way, kind, name
import fs from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Storage } from '../../src/storage/storage.ts';

const folders = (process.env['CAIRN_KILL_BELOW'] ?? '').split(':');
const at = Number(process.env['CAIRN_KILL_AT'] ?? 0);
const when = process.env['CAIRN_KILL_WHEN'] ?? 'after';
const log = process.env['CAIRN_KILL_LOG'];

let count = 0;
let underWay = 0;
/** What the operation writes that is to be torn. */
let torn: string | undefined;

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Returns what to call when the operation has ended, well or not. */
function begin(storage: Storage, kind: string, name: string): () => void {
  if (!folders.includes(storage.url)) return () => {};
  const number = ++count;
  if (log !== undefined) fs.appendFileSync(log, `${number} ${underWay} ${kind} ${name}\n`);
  underWay++;
  if (number === at) {
    if (when === 'before' || (when === 'torn' && kind !== 'write')) die();
    if (when === 'torn') torn = join(storage.url, name);
  }
  return () => {
    underWay--;
    if (number === at && when === 'after') die();
  };
}

function tear(handle: FileHandle): FileHandle {
  handle.writev = (parts) => {
    const bytes = Buffer.concat(
      parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
    );
    fs.writeSync(handle.fd, bytes.subarray(0, bytes.length >> 1));
    die();
    throw new Error('killed');
  };
  return handle;
}

// Threads have no storage of their own.
if (isMainThread) await watch();

async function watch(): Promise<void> {
  const { open } = promises;
  promises.open = async (...call: Parameters<typeof open>) => {
    const handle = await open(...call);
    const isTorn = torn !== undefined && String(call[0]).startsWith(`${torn}-tmp-`);
    return isTorn ? tear(handle) : handle;
  };
  syncBuiltinESMExports();
  // Behind the line above: the driver takes the system calls as they are when it is loaded.
  const driver: Readonly<Record<string, unknown>> = await import(process.env['CAIRN_KILL_DRIVER'] ?? '');
  // A bundle has names of its own for what its files give each other.
  const openLocalStorage = Object.values(driver).find(isOpenLocalStorage);
  if (openLocalStorage === undefined) throw new Error('CAIRN_KILL_DRIVER does not name the module of the local driver');
  // Where the methods of all local storages are; `getPrototypeOf` does not tell its type.
  countOperations(Object.getPrototypeOf(openLocalStorage('/')) as Storage);
}

function isOpenLocalStorage(value: unknown): value is (path: string) => Storage {
  return typeof value === 'function' && value.name === 'openLocalStorage';
}

/** `removeMany` of this driver is one `remove` after the other. */
function countOperations(driver: Storage): void {
  // A copy of all that the driver has; `defineProperties` does not tell its type.
  const own = Object.defineProperties({}, Object.getOwnPropertyDescriptors(driver)) as Storage;
  Object.assign(driver, {
    async *list(this: Storage, ...call: Parameters<Storage['list']>) {
      const end = begin(this, 'list', call[0]);
      try {
        yield* own.list.apply(this, call);
      } finally {
        end();
      }
    },
    stat(this: Storage, ...call: Parameters<Storage['stat']>) {
      const end = begin(this, 'stat', call[0]);
      return own.stat.apply(this, call).finally(end);
    },
    read(this: Storage, ...call: Parameters<Storage['read']>) {
      const end = begin(this, 'read', call[0]);
      return own.read.apply(this, call).finally(end);
    },
    write(this: Storage, ...call: Parameters<Storage['write']>) {
      const end = begin(this, 'write', call[0]);
      return own.write.apply(this, call).finally(end);
    },
    writeStream(this: Storage, ...call: Parameters<Storage['writeStream']>) {
      const end = begin(this, 'write', call[0]);
      return own.writeStream.apply(this, call).finally(end);
    },
    remove(this: Storage, ...call: Parameters<Storage['remove']>) {
      const end = begin(this, 'remove', call[0]);
      return own.remove.apply(this, call).finally(end);
    },
  });
}
