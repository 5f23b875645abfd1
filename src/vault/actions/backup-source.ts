import { Readable } from 'node:stream';
import type { Source } from '../../archiver/source.ts';
import { CairnArgumentError } from '../../base/errors.ts';
import { type CommandSourceOptions, openCommandSource } from '../../sources/command/command-source.ts';
import { type FilesSourceOptions, openFilesSource } from '../../sources/files/files-source.ts';
import { openStreamSource, type StreamSourceOptions } from '../../sources/stdin/stream-source.ts';
import type { RegisteredSource, SourceFactories, SourceFactory } from './registered-source.ts';

/**
 * What a backup can be made of: a path, several paths, a stream of bytes (stored as one file), or a source
 * described by an object with its `type`; of a type of a plugin with `{ type: 'registered', of: 'its-type' }`.
 */
export type BackupSource = BuiltInSource | RegisteredSource;

export type BuiltInSource =
  | string
  | readonly string[]
  | Readable
  | ReadableStream<Uint8Array>
  | ({ readonly type: 'files' } & FilesSourceOptions)
  | ({ readonly type: 'stream' } & StreamSourceOptions)
  | ({ readonly type: 'command' } & CommandSourceOptions);

export interface OpenSourceOptions {
  /** File name for a stream that has none of its own. */
  readonly streamName: string;
  /** The vault's own folder, which is never backed up into itself. */
  readonly vaultPath: string | undefined;
  /** Types of sources that plugins registered. */
  readonly sources?: SourceFactories | undefined;
}

/** Throws `SOURCE_MISSING`, `SOURCE_EMPTY`, `EXCLUDE_INVALID`, `ARGUMENT_INVALID`. */
export async function openSource(source: BackupSource, options: OpenSourceOptions): Promise<Source> {
  if (!isRegistered(source)) return openBuiltInSource(source, options);
  const made = await factoryOf(source, options)(source.options, { vaultPath: options.vaultPath });
  return isOpenSource(made) ? made : openBuiltInSource(made, options);
}

function isRegistered(source: BackupSource): source is RegisteredSource {
  return typeof source === 'object' && 'type' in source && source.type === 'registered';
}

function isOpenSource(made: BuiltInSource | Source): made is Source {
  return typeof made === 'object' && 'root' in made && 'paths' in made;
}

function factoryOf({ of }: RegisteredSource, { sources }: OpenSourceOptions): SourceFactory {
  const factory = sources?.get(of);
  if (factory !== undefined) return factory;
  const known = [...(sources?.keys() ?? [])].join(', ');
  throw new CairnArgumentError(`no plugin has registered sources of type ${JSON.stringify(of)}`, {
    hint: known === '' ? 'No plugin that registers sources is loaded.' : `Registered are: ${known}.`,
  });
}

async function openBuiltInSource(source: BuiltInSource, { streamName, vaultPath }: OpenSourceOptions): Promise<Source> {
  const excludePaths = vaultPath === undefined ? [] : [vaultPath];
  if (typeof source === 'string') return openFilesSource({ targets: [source], excludePaths });
  if (isPathList(source)) return openFilesSource({ targets: source, excludePaths });
  if (source instanceof Readable || source instanceof ReadableStream) {
    return openStreamSource({ name: streamName, open: (signal) => bytesOf(source, signal) });
  }
  switch (source.type) {
    case 'files':
      return openFilesSource({ ...source, excludePaths: [...excludePaths, ...(source.excludePaths ?? [])] });
    case 'stream':
      return openStreamSource({ ...source, open: (signal) => untilAborted(source.open(signal), signal) });
    case 'command':
      return openCommandSource(source);
    default:
      source satisfies never;
      throw new CairnArgumentError('unknown kind of source; it is `files`, `stream` or `command`');
  }
}

function isPathList(source: BackupSource): source is readonly string[] {
  return Array.isArray(source);
}

/** The bytes of a stream; text that a stream gives is taken as UTF-8. */
async function* bytesOf(
  source: Readable | ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  // A stream of Node may give anything; one of bytes gives these two.
  for await (const part of untilAborted(source as AsyncIterable<Uint8Array | string>, signal)) {
    yield typeof part === 'string' ? Buffer.from(part) : part;
  }
}

/**
 * The items of a stream that may wait for ever, such as standard input: an abort ends the wait at once, and the
 * stream is told to close without waiting for it.
 */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  // Nobody listens while an item is being used.
  aborted.promise.catch(() => {});
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (next.done === true) break;
      yield next.value;
    }
    ended = true;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // A generator that waits inside `next` answers only when that wait ends.
    if (!ended) iterator.return?.().catch(() => {});
  }
}
