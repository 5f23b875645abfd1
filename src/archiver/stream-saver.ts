import { bytesOf } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { idFromBytes, ID_SIZE, type BlobId } from '../base/ids.ts';
import { localGoTime } from '../formats/go-time.ts';
import { encodeNode } from '../formats/tree/tree-encoder.ts';
import type { ArchiveSession } from './archive-session.ts';
import type { SourceEntry, StreamMetadata } from './source.ts';
import { createStreamRing, StreamRingWriter } from './worker/stream-ring.ts';

type StreamEntry = Extract<SourceEntry, { kind: 'stream' }>;

/** Saves a file that exists only as a stream. A stream that fails fails the whole backup: half of it is worth nothing. */
export async function saveStream(session: ArchiveSession, entry: StreamEntry): Promise<Uint8Array> {
  const ring = createStreamRing();
  await session.engine();
  const task = session.pool.run({ kind: 'stream', ring });
  const writer = new StreamRingWriter(ring);
  const name = bytesOf(entry.key);
  task.catch((error: unknown) => writer.giveUp(error));
  try {
    for await (const bytes of entry.open(session.signal ?? new AbortController().signal)) {
      session.signal?.throwIfAborted();
      session.softStop?.throwIfAborted();
      await writer.write(bytes);
      session.countStreamed(bytes.length, name);
    }
  } catch (error) {
    session.pool.fail(error);
    throw error;
  }
  await writer.end();
  const done = await task;
  if (done.result.kind !== 'segment') throw new CairnError('INTERNAL', 'a worker answered another question');
  session.countTask(done);
  const content: BlobId[] = [];
  for (let at = 0; at < done.result.ids.length; at += ID_SIZE) content.push(idFromBytes<BlobId>(done.result.ids, at));
  session.stats.addFile('new');
  return encodeStreamNode(entry, content, done.result.next);
}

function encodeStreamNode(entry: StreamEntry, content: readonly BlobId[], sizeBytes: number): Uint8Array {
  const { mode, mtimeNs, uid, gid, user, group }: StreamMetadata = entry.metadata;
  const time = localGoTime(mtimeNs);
  return encodeNode({
    type: 'file',
    name: bytesOf(entry.key),
    mode,
    mtime: time,
    atime: time,
    ctime: time,
    uid,
    gid,
    user,
    group,
    inode: 0n,
    deviceId: 0n,
    links: 0n,
    extendedAttributes: [],
    size: BigInt(sizeBytes),
    content,
  });
}
