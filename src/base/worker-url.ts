/**
 * Where the main module of a worker thread lies: beside the module that starts it. The compiler renames `.ts`
 * in import specifiers only, so the extension is taken from the module that asks.
 */
export function workerUrl(importMetaUrl: string, name: string): URL {
  const extension = importMetaUrl.slice(importMetaUrl.lastIndexOf('.'));
  return new URL(`./${name}${extension}`, importMetaUrl);
}
