// A worker of the archiver: owns the whole hot path of a file. It does everything synchronously; the main
// thread hands out tasks, stores the packs it fills, and frees their slots.
import { parentPort } from 'node:worker_threads';
import { isCairnError, messageOf } from '../../base/errors.ts';
import { tellingOddAttributes } from '../attribute-names.ts';
import { openPosix } from '../../base/posix/open-posix.ts';
import { createCodec } from '../../kernels/codec.ts';
import { runMix } from '../../kernels/scrypt-thread/run-mix.ts';
import { BlobIndex } from '../../repository/index/blob-index.ts';
import { BlobSaver } from './blob-saver.ts';
import { FileWindow } from './file-window.ts';
import { LeafSaver } from './leaf-saver.ts';
import type { BlobStats, FromWorker, StatTask, TaskResult, ToWorker, WorkerSetup, WorkerTask } from './messages.ts';
import { StatRunner } from './stat-runner.ts';
import { saveSegment, saveStream } from './segment-saver.ts';
import { announceStarted } from '../../base/start-worker.ts';

interface Tools {
  readonly saver: BlobSaver;
  readonly window: FileWindow;
  readonly leaves: LeafSaver;
}

const codec = createCodec();
const posix = openPosix();
const stats = new StatRunner(posix, codec);
let tools: Tools | undefined;

parentPort?.on('message', (message: ToWorker) => {
  try {
    receive(message);
  } catch (error) {
    const known = isCairnError(error) ? error : undefined;
    send({ kind: 'failed', code: known?.code, message: messageOf(error), hint: known?.hint });
  }
});

function receive(message: ToWorker): void {
  switch (message.kind) {
    case 'setup':
      tools = makeTools(message);
      return;
    case 'mix':
      runMix(message);
      return;
    case 'index':
      tools?.saver.moveIndex(new BlobIndex(message.index));
      return;
    case 'stat':
      send({ kind: 'done', result: stats.run(message), blobs: NO_BLOBS });
      return;
    case 'leaves':
    case 'segment':
    case 'stream':
    case 'flush':
      if (tools === undefined) throw new Error('a task came before the setup');
      finish(run(message, tools), tools);
      return;
    default:
      message satisfies never;
  }
}

const NO_BLOBS: BlobStats = { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };

function makeTools(setup: WorkerSetup): Tools {
  const window = new FileWindow(setup.chunker, setup.readBytes);
  const saver = new BlobSaver(codec, new BlobIndex(setup.index), setup, (slot, pack) =>
    send({ kind: 'pack', slot, pack }),
  );
  return { window, saver, leaves: new LeafSaver(tellingOddAttributes(posix), codec, setup.reading, window, saver) };
}

function run(task: Exclude<WorkerTask, StatTask>, { saver, window, leaves }: Tools): TaskResult {
  switch (task.kind) {
    case 'leaves':
      return leaves.save(task);
    case 'segment':
      return saveSegment(task, window, saver);
    case 'stream':
      return saveStream(task, window, saver);
    case 'flush':
      return { kind: 'flush', leftover: saver.flush() };
    default:
      return task satisfies never;
  }
}

function finish(result: TaskResult, { saver }: Tools): void {
  send({ kind: 'done', result, blobs: saver.takeStats() });
}

function send(message: FromWorker): void {
  parentPort?.postMessage(message);
}

announceStarted();
