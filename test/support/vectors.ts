import fs from 'node:fs';

const root = new URL('../vectors/', import.meta.url);

/** One file of test/vectors, such as `vector('tree/restic-0.19.1-names.json')`. */
export function vector(name: string): Uint8Array {
  return Uint8Array.from(fs.readFileSync(new URL(name, root)));
}

/** Names of all vectors of a format, for `vector`. */
export function vectorNames(format: string): string[] {
  return fs.readdirSync(new URL(`${format}/`, root)).map((name) => `${format}/${name}`);
}
