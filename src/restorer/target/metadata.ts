import { bytesKey, equalBytes } from '../../base/bytes.ts';
import { systemCode } from '../../base/errors.ts';
import { STAT_FIELDS, StatField, type Posix, type Xattr } from '../../base/posix/posix.ts';
import type { RecordReader } from '../records/entry-record.ts';

/** What an open file or directory has now. */
export interface CurrentMetadata {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, or -1 if they are not known. */
  readonly mode: number;
  /** It surely has no extended attributes. */
  readonly plain: boolean;
}

/** What an entry is to have; what holds no attributes may say so at once. */
export type WantedMetadata = Pick<
  RecordReader,
  'uid' | 'gid' | 'mode' | 'mtimeNs' | 'atimeNs' | 'hasXattrs' | 'xattrs'
>;

/** Told of each part that could not be set; the other parts are. */
export type MetadataReport = (message: string) => void;

const SETID_BITS = 0o6000;
// The security module of the machine labels files by its own rules; removing a label is refused or harmful.
const keptXattrs = ['security.selinux', 'security.SMACK64', 'security.apparmor', 'security.ima', 'security.evm'];

/** Sets owner, extended attributes, mode and times, with as few system calls as the current state allows. */
export class MetadataWriter {
  readonly #posix: Posix;
  readonly #privileged: boolean;
  readonly #stat = new BigInt64Array(STAT_FIELDS);

  constructor(posix: Posix, privileged: boolean) {
    this.#posix = posix;
    this.#privileged = privileged;
  }

  /** What an open file has now, asked from the system. */
  read(fd: number): CurrentMetadata {
    this.#posix.fstatInto(fd, this.#stat);
    return {
      uid: Number(this.#stat[StatField.uid]),
      gid: Number(this.#stat[StatField.gid]),
      mode: Number(this.#stat[StatField.mode]) & 0o7777,
      plain: false,
    };
  }

  /** Whether an open file has no extended attributes but those that the machine keeps by its own rules. */
  isPlain(fd: number): boolean {
    return this.#posix.fgetxattrs(fd, () => {}).every(({ name }) => isKept(name));
  }

  /** Order matters: a change of owner clears setuid and capabilities, and a mode may forbid attributes. */
  apply(fd: number, wanted: WantedMetadata, current: CurrentMetadata, report: MetadataReport): void {
    const changesOwner = current.uid !== wanted.uid || current.gid !== wanted.gid;
    const owned = !changesOwner || this.#own(wanted, report, (uid, gid) => this.#posix.fchown(fd, uid, gid), current);
    if (wanted.hasXattrs || !current.plain) {
      this.#attempt(report, 'extended attributes', () => this.#setXattrs(fd, wanted, current.plain, report));
    }
    // What belongs to somebody else than recorded must not run with his rights.
    const mode = owned ? wanted.mode : wanted.mode & ~SETID_BITS;
    if (mode !== current.mode || changesOwner) {
      this.#attempt(report, 'mode', () => this.#posix.fchmod(fd, mode));
    }
    this.#attempt(report, 'times', () => this.#posix.futimens(fd, wanted.atimeNs, wanted.mtimeNs));
  }

  /** The same for what cannot be opened: symlinks, devices, fifos. A symlink's own mode is never changed. */
  applyToName(
    dirfd: number,
    name: Uint8Array,
    wanted: WantedMetadata,
    isSymlink: boolean,
    report: MetadataReport,
  ): void {
    this.#posix.statInto(dirfd, name, this.#stat);
    const current = { uid: Number(this.#stat[StatField.uid]), gid: Number(this.#stat[StatField.gid]) };
    const changesOwner = current.uid !== wanted.uid || current.gid !== wanted.gid;
    const owned =
      !changesOwner ||
      this.#own(wanted, report, (uid, gid) => this.#posix.fchownat(dirfd, name, uid, gid), { ...current });
    for (const { name: attribute, value } of wanted.xattrs) {
      this.#attempt(report, attributeText(attribute), () => this.#posix.setxattrat(dirfd, name, attribute, value));
    }
    if (!isSymlink) {
      const mode = owned ? wanted.mode : wanted.mode & ~SETID_BITS;
      this.#attempt(report, 'mode', () => this.#posix.fchmodat(dirfd, name, mode));
    }
    this.#attempt(report, 'times', () => this.#posix.utimensat(dirfd, name, wanted.atimeNs, wanted.mtimeNs));
  }

  /** Whether the recorded owner is in place now. Only root can give files away; others keep theirs silently. */
  #own(
    wanted: WantedMetadata,
    report: MetadataReport,
    chown: (uid: number, gid: number) => void,
    current: { readonly uid: number; readonly gid: number },
  ): boolean {
    try {
      chown(wanted.uid, wanted.gid);
      return true;
    } catch (error) {
      if (this.#privileged || systemCode(error) !== 'EPERM') {
        report(`owner ${wanted.uid}:${wanted.gid} not set: ${reasonOf(error)}`);
        return false;
      }
    }
    if (current.gid === wanted.gid) return false;
    try {
      chown(current.uid, wanted.gid);
    } catch {
      // Not a member of that group: the file keeps ours.
    }
    return false;
  }

  #setXattrs(fd: number, wanted: WantedMetadata, plain: boolean, report: MetadataReport): void {
    const attributes = wanted.xattrs;
    const present = plain ? [] : this.#posix.fgetxattrs(fd, () => {});
    for (const { name } of present) {
      if (find(attributes, name) !== undefined || isKept(name)) continue;
      this.#attempt(report, attributeText(name), () => this.#posix.fremovexattr(fd, name));
    }
    for (const { name, value } of attributes) {
      const known = find(present, name);
      if (known !== undefined && equalBytes(known.value, value)) continue;
      this.#attempt(report, attributeText(name), () => this.#posix.fsetxattr(fd, name, value));
    }
  }

  #attempt(report: MetadataReport, what: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      report(`${what} not set: ${reasonOf(error)}`);
    }
  }
}

function find(attributes: readonly Xattr[], name: Uint8Array): Xattr | undefined {
  return attributes.find((attribute) => equalBytes(attribute.name, name));
}

function isKept(name: Uint8Array): boolean {
  return keptXattrs.includes(bytesKey(name));
}

function attributeText(name: Uint8Array): string {
  return `extended attribute ${Buffer.from(name).toString('utf8')}`;
}

/** The system's name of an error, or its text. */
export function reasonOf(error: unknown): string {
  return systemCode(error) ?? (error instanceof Error ? error.message : String(error));
}
