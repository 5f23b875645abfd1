// The documents of the project, and what they say of its tests.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** Below the root of the project. */
export const documents: readonly string[] = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })];

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export interface NamedTest {
  readonly file: string;
  /** Nothing where the whole file is meant. */
  readonly title: string | undefined;
}

/** What a line says as `` `test/x.test.ts`: “title”, “another” ``. */
export function namedTests(line: string): readonly NamedTest[] {
  return [...line.matchAll(/`((?:src|test)\/[^`]+\.ts)`(?:: ((?:“[^”]*”(?:, )?)+))?/gu)].flatMap(
    ([, file = '', titles]): NamedTest[] =>
      titles === undefined
        ? [{ file, title: undefined }]
        : [...titles.matchAll(/“([^”]*)”/gu)].map(([, title]) => ({ file, title })),
  );
}

/** The titles of the tests of a file, each with and without the rows of bakthat in front of it. */
export function titlesIn(file: string): ReadonlySet<string> {
  const literals = textOf(file).matchAll(/\(\s*(['"`])((?:\\.|(?!\1).)*)\1,|name: (['"`])((?:\\.|(?!\3).)*)\3/gu);
  return new Set(
    [...literals].flatMap(([, , title = '', , name = title]) => {
      const plain = name.replaceAll(/\\(.)/gu, '$1');
      return [plain, plain.replace(/^(?:B\d\d,? ?)+: /u, '')];
    }),
  );
}
