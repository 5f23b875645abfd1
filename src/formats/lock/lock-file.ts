// A lock document: `{"time":…,"exclusive":…,"hostname":…,"username":…,"pid":n,"uid"?:n,"gid"?:n}`
// (restic's format, "Locks"). uid and gid are left out when 0. Cairn adds `cairn_pid_space`, which restic ignores: lock
// files live for minutes, and nobody writes one again that is not its own.
import { utf8 } from '../../base/bytes.ts';
import { DocumentFields } from '../document-fields.ts';
import type { JsonValue } from '../go-json.ts';
import { encodeObject } from '../go-json.ts';
import type { GoTime } from '../go-time.ts';
import { formatGoTime } from '../go-time.ts';

export interface LockFile {
  readonly time: GoTime;
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Where `pid` means something: one boot of one machine, and one container. restic does not tell. */
  readonly pidSpace?: string | undefined;
}

export function encodeLock(lock: LockFile): Uint8Array {
  const members: [string, JsonValue][] = [
    ['time', formatGoTime(lock.time)],
    ['exclusive', lock.exclusive],
    ['hostname', lock.hostname],
    ['username', lock.username],
    ['pid', lock.pid],
  ];
  if (lock.uid !== 0) members.push(['uid', lock.uid]);
  if (lock.gid !== 0) members.push(['gid', lock.gid]);
  if (lock.pidSpace !== undefined) members.push(['cairn_pid_space', lock.pidSpace]);
  return utf8(encodeObject(members));
}

/** Throws `LOCK_CORRUPT`. Unknown fields are ignored. */
export function decodeLock(json: Uint8Array): LockFile {
  const fields = DocumentFields.parse(json, 'LOCK_CORRUPT', 'lock');
  const pidSpace = fields.value('cairn_pid_space');
  return {
    time: fields.time('time'),
    exclusive: fields.boolean('exclusive'),
    hostname: fields.string('hostname'),
    username: fields.string('username'),
    pid: fields.integer('pid'),
    uid: fields.integer('uid'),
    gid: fields.integer('gid'),
    ...(typeof pidSpace === 'string' && { pidSpace }),
  };
}
