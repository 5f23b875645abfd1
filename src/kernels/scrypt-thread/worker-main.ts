// A thread that mixes for one key derivation, and loads next to nothing.
import { parentPort } from 'node:worker_threads';
import { announceStarted } from '../../base/start-worker.ts';
import type { MixTask } from './mix-task.ts';
import { runMix } from './run-mix.ts';

parentPort?.on('message', (task: MixTask) => runMix(task));

announceStarted();
