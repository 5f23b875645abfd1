// Loaded ahead of the real program (`node --import`): ends it, as kill -9 does, just before the n-th time that it makes, names or
// removes a file below a folder. Without a number it counts, and says at the end how many times there were.
//
// CAIRN_KILL_BELOW  the folders, separated by colons
// CAIRN_KILL_AT     the number
// CAIRN_KILL_COUNT  where the count goes
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const folders = (process.env['CAIRN_KILL_BELOW'] ?? '').split(':');
const at = Number(process.env['CAIRN_KILL_AT'] ?? 0);
const countFile = process.env['CAIRN_KILL_COUNT'];
let count = 0;

function step(path: unknown): void {
  if (!folders.some((folder) => String(path).startsWith(`${folder}/`))) return;
  count++;
  if (count === at) process.kill(process.pid, 'SIGKILL');
}

const { open, rename, link, unlink } = promises;
Object.assign(promises, {
  open: (...args: Parameters<typeof open>) => {
    if (args[1] === 'wx') step(args[0]);
    return open(...args);
  },
  rename: (...args: Parameters<typeof rename>) => {
    step(args[1]);
    return rename(...args);
  },
  link: (...args: Parameters<typeof link>) => {
    step(args[1]);
    return link(...args);
  },
  unlink: (...args: Parameters<typeof unlink>) => {
    step(args[0]);
    return unlink(...args);
  },
});
syncBuiltinESMExports();
if (countFile !== undefined) process.on('exit', () => fs.writeFileSync(countFile, String(count)));
