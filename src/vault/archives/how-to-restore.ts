// How an archive is restored without Cairn: a command to paste into a shell.
import type { ArchiveDetails, BackupDetails } from '../reference/backup-details.ts';
import type { ValueBackup } from '../values/value-backup.ts';

const decompressors = { zstd: 'zstd -d', gzip: 'gzip -d', none: undefined };
/** Restores everything: modes, attributes, and owners where root unpacks. */
const UNPACK = "tar -x -p --xattrs --xattrs-include='*' -f -";

/**
 * One line for a shell. It prints the JSON of a value, unpacks an archive that lies in the working directory into it,
 * or restores a snapshot with restic, to which RESTIC_REPOSITORY or -r names the repository.
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
