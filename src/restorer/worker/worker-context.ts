import { openPosix } from '../../base/posix/open-posix.ts';
import type { Posix } from '../../base/posix/posix.ts';
import { type Codec, createCodec } from '../../kernels/codec.ts';
import { BlobIndex } from '../../repository/index/blob-index.ts';
import { BlobBatch } from '../../repository/blob-batch.ts';
import { BlobDecoder } from '../../repository/blob-codec.ts';
import { DirectoryCursor } from '../target/directory-cursor.ts';
import { FileCreator } from '../target/file-creator.ts';
import type { JobDirectories, RestoreWorkerSetup } from '../jobs.ts';
import { LocalBlobReader } from './local-blob-reader.ts';
import { MetadataWriter } from '../target/metadata.ts';

/** What a worker thread keeps through a run. */
export interface WorkerContext extends Disposable {
  readonly index: BlobIndex;
  readonly posix: Posix;
  readonly decoder: BlobDecoder;
  /** Blobs of a job by their positions in it. Empty between jobs. */
  readonly batch: BlobBatch<number>;
  readonly localBlobs: LocalBlobReader | undefined;
  readonly cursor: DirectoryCursor;
  readonly creator: FileCreator;
  readonly sparse: boolean;
  /** Whether the run is to stop. */
  stopped(): boolean;
}

/** What a worker can make ready before it knows what to restore. */
export interface WorkerTools {
  readonly codec: Codec;
  readonly posix: Posix;
}

/** Loads the native libraries, which takes some tens of milliseconds. */
export function createWorkerTools(): WorkerTools {
  return { codec: createCodec(), posix: openPosix() };
}

export function createWorkerContext({ codec, posix }: WorkerTools, setup: RestoreWorkerSetup): WorkerContext {
  const index = new BlobIndex(setup.index);
  const cursor = new DirectoryCursor(posix, setup.root);
  const metadata = new MetadataWriter(posix, setup.privileged);
  const localBlobs = setup.localPath === undefined ? undefined : new LocalBlobReader(setup.localPath, index);
  const stop = new Int32Array(setup.stop);
  return {
    index,
    posix,
    decoder: new BlobDecoder(codec, setup.key),
    batch: new BlobBatch(codec, setup.key),
    localBlobs,
    cursor,
    creator: new FileCreator({ posix, cursor, metadata, umask: setup.umask }),
    sparse: setup.sparse,
    stopped: () => Atomics.load(stop, 0) !== 0,
    [Symbol.dispose]: () => {
      cursor[Symbol.dispose]();
      localBlobs?.[Symbol.dispose]();
    },
  };
}

/** Finds the path of a directory by its number. */
export function directoryPaths({ numbers, paths }: JobDirectories): (directory: number) => Uint8Array {
  const byNumber = new Map<number, Uint8Array>();
  for (const [position, path] of paths.entries()) byNumber.set(numbers[position] ?? 0, path);
  return (directory) => {
    const path = byNumber.get(directory);
    if (path === undefined) throw new Error(`job without the path of directory ${directory}`);
    return path;
  };
}
