import { AT_FDCWD, FileType, STAT_FIELDS, StatField, type Posix } from '../../base/posix/posix.ts';
import type { Codec } from '../../kernels/codec.ts';
import { EntryDigest } from '../entry-digest.ts';
import { field, fileType } from '../node-encoder.ts';
import type { StatResult, StatRun, StatRunResult, StatTask } from './messages.ts';
import { O_PATH_DIRECTORY } from './open-flags.ts';

/** Looks at entries without reading them and digests what the system says. */
export class StatRunner {
  readonly #posix: Posix;
  readonly #digest: EntryDigest;
  readonly #stat = new BigInt64Array(STAT_FIELDS);

  constructor(posix: Posix, codec: Codec) {
    this.#posix = posix;
    this.#digest = new EntryDigest(codec);
  }

  run(task: StatTask): StatResult {
    return { kind: 'stat', runs: task.runs.map((run) => this.#run(run)) };
  }

  /** No digest where anything is wrong: the careful way will find out and say so. */
  #run({ directory, names }: StatRun): StatRunResult {
    this.#digest.clear();
    let files = 0;
    let bytes = 0;
    let dirfd: number | undefined;
    try {
      dirfd = this.#posix.openat(AT_FDCWD, directory, O_PATH_DIRECTORY);
      for (let at = 0; at < names.length;) {
        const end = names.indexOf(0, at);
        const name = names.subarray(at, end);
        at = end + 1;
        if (!this.#posix.statInto(dirfd, name, this.#stat)) return NOTHING;
        this.#digest.add(name, this.#stat);
        if (fileType(this.#stat) !== FileType.regular) continue;
        files++;
        bytes += Number(field(this.#stat, StatField.sizeBytes));
      }
    } catch {
      return NOTHING;
    } finally {
      if (dirfd !== undefined) this.#posix.close(dirfd);
    }
    return { digest: this.#digest.take(), files, bytes };
  }
}

const NOTHING: StatRunResult = { digest: undefined, files: 0, bytes: 0 };
