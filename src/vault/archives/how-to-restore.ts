// How an archive is restored without Cairn: a command to paste into a shell.
import type { ArchiveDetails, BackupDetails } from '../reference/backup-details.ts';
import type { ValueBackup } from '../values/value-backup.ts';

const decompressors = { zstd: 'zstd -d', gzip: 'gzip -d', none: undefined };
/** All of it as it was: modes, owners where root unpacks, attributes. */
const UNPACK = "tar -x -p --xattrs --xattrs-include='*' -f -";

/**
 * One line for a shell. Of a value: prints its JSON. Of an archive: unpacks it, lying in the working directory, into that. Of a snapshot: restores it with
 * restic, which is told of the repository by RESTIC_REPOSITORY or -r.
 */
export function howToRestore(backup: BackupDetails): string {
  switch (backup.form) {
    case 'snapshot':
      return `restic restore ${backup.id} --target .`;
    case 'archive':
      return unpackCommand(backup);
    case 'value':
      return printCommand(backup);
    default:
      return backup satisfies never;
  }
}

function unpackCommand({ id, codec, encryption }: ArchiveDetails): string {
  const file = quote(id);
  const first = {
    'age-passphrase': `age -d ${file}`,
    'age-recipients': `age -d -i key.txt ${file}`,
    none: `cat ${file}`,
  };
  return [first[encryption], decompressors[codec], UNPACK].filter((step) => step !== undefined).join(' | ');
}

/** A name does not say whether a value is encrypted with a password or to public keys, which need `-i key.txt`. */
function printCommand({ object, compressed, encrypted }: ValueBackup): string {
  const file = quote(object.slice(object.lastIndexOf('/') + 1));
  return `${encrypted ? `age -d ${file}` : `cat ${file}`}${compressed ? ' | gzip -d' : ''}`;
}

function quote(text: string): string {
  return /^[\w.+~%-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
