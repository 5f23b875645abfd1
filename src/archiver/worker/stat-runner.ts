import { AT_FDCWD, FileType, STAT_FIELDS, StatField, type Posix } from '../../base/posix/posix.ts';
import type { Codec } from '../../kernels/codec.ts';
import { GroupDigests, NOTHING_BEGUN } from '../group-digests.ts';
import { field, fileType } from '../node-encoder.ts';
import type { StatResult, StatRun, StatRunResult, StatTask } from './messages.ts';
import { O_PATH_DIRECTORY } from './open-flags.ts';

/** Looks at entries without reading them and digests what the system says. */
export class StatRunner {
  readonly #posix: Posix;
  readonly #digests: GroupDigests;
  readonly #stat = new BigInt64Array(STAT_FIELDS);

  constructor(posix: Posix, codec: Codec) {
    this.#posix = posix;
    this.#digests = new GroupDigests(codec);
  }

  run(task: StatTask): StatResult {
    return { kind: 'stat', runs: task.runs.map((run) => this.#run(run)) };
  }

  /** No digest where anything is wrong: the careful way will find out and say so. */
  #run({ directory, names, groups }: StatRun): StatRunResult {
    this.#digests.begin({ groups, begun: NOTHING_BEGUN });
    const counts = new Float64Array(2 * groups.length);
    let dirfd: number | undefined;
    try {
      dirfd = this.#posix.openat(AT_FDCWD, directory, O_PATH_DIRECTORY);
      for (let at = 0; at < names.length;) {
        const end = names.indexOf(0, at);
        const name = names.subarray(at, end);
        at = end + 1;
        if (!this.#posix.statInto(dirfd, name, this.#stat)) return NOTHING;
        const { group } = this.#digests;
        this.#digests.add(name, this.#stat);
        if (fileType(this.#stat) !== FileType.regular) continue;
        counts[2 * group] = (counts[2 * group] ?? 0) + 1;
        counts[2 * group + 1] = (counts[2 * group + 1] ?? 0) + Number(field(this.#stat, StatField.sizeBytes));
      }
    } catch {
      return NOTHING;
    } finally {
      if (dirfd !== undefined) this.#posix.close(dirfd);
    }
    return { digests: this.#digests.take(), counts };
  }
}

const NOTHING: StatRunResult = { digests: undefined, counts: new Float64Array(0) };
