/**
 * The one place that knows where the files of this package lie. Code runs from `src/`, from `dist/` and from
 * `dist/bundle/`: this module is one folder deep in all of them, wherever the bundler puts it.
 */
const root = new URL('../', import.meta.url);

export const runsFromSource: boolean = import.meta.url.endsWith('.ts');

/** A file of the package by its path below `src/`, which is also its path below `dist/`. */
export function packageFile(path: string): URL {
  return new URL(path, root);
}
