// How an archive is restored without Cairn: a command to paste into a shell.
import type { ArchiveDetails, BackupDetails } from '../reference/backup-details.ts';

const decompressors = { zstd: 'zstd -d', gzip: 'gzip -d', none: undefined };
/** All of it as it was: modes, owners where root unpacks, attributes. */
const UNPACK = "tar -x -p --xattrs --xattrs-include='*' -f -";

/**
 * One line for a shell. Of an archive: unpacks it, lying in the working directory, into that. Of a snapshot: restores it with
 * restic, which is told of the repository by RESTIC_REPOSITORY or -r.
 */
export function howToRestore(backup: BackupDetails): string {
  return backup.form === 'snapshot' ? `restic restore ${backup.id} --target .` : unpackCommand(backup);
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

function quote(text: string): string {
  return /^[\w.+~%-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
