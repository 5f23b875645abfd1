// The built command, for tests that start it hundreds of times: that costs half of what a start from src/ does.
import fs from 'node:fs';
import { join } from 'node:path';
import { program } from '../e2e/build-program.ts';

export interface BuiltCommand {
  readonly program: string;
  /** The file of it that has the driver of local storages. */
  readonly driver: string;
}

/** Throws where it is not there, or is older than what it is made of. */
export function builtCommand(): BuiltCommand {
  const builtMs = fs.statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const source = join(import.meta.dirname, '../../src');
  const isNewer = (name: string): boolean =>
    /(?<!\.test)\.ts$/u.test(name) && fs.statSync(join(source, name)).mtimeMs > builtMs;
  const newer = fs.readdirSync(source, { recursive: true, encoding: 'utf8' }).find(isNewer);
  if (newer !== undefined) throw new Error(`src/${newer} is newer than dist/: run \`npm run build\` first`);
  return { program, driver: driverIn(join(program, '..')) };
}

function driverIn(folder: string): string {
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.js'));
  const found = files.filter((name) =>
    fs.readFileSync(join(folder, name), 'utf8').includes('\nfunction openLocalStorage('),
  );
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(`the driver of local storages is in ${found.length} files`);
  return join(folder, found[0]);
}
