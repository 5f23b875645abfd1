// What restic's command line has under other words: whoever comes from there is told how it is said here.

const options: Readonly<Record<string, string>> = {
  '--read-data-subset': 'Write --read-data=PART, with the same parts: 5%, 10G or 3/7.',
  '--unsafe-allow-remove-all': 'To remove all backups of something, name them: `cairn delete REF…`.',
  '--repo': 'Name the vault with --vault, or in CAIRN_VAULT or RESTIC_REPOSITORY.',
  '--repository-file': 'Name the vault with --vault, or in CAIRN_VAULT.',
  '--from-repo': 'Write --from URL.',
  '--from-repository-file': 'Write --from URL.',
  '--key-hint': 'The key that opened the vault last time is tried first by itself.',
  '--insecure-no-password': 'A vault needs a password; it may be one of a file that only you can read.',
  '--repack-smaller-than': 'Write --repack-small, with --pack-size.',
  '--snapshot-template': 'Write --json, and take what you need of it.',
  '--with-cache': 'A check reads from the vault itself.',
  '--cleanup-cache': 'Write `cairn cache`.',
};

const commands: Readonly<Record<string, string>> = {
  'rebuild-index': 'Write `cairn repair index`.',
  mount: 'Write `cairn ls`, `cairn cat`, `cairn dump` or `cairn restore`: there is no file system to mount.',
  'self-update': 'Update the package: npm install cairn-backup@latest.',
  generate: 'Write `cairn completion SHELL`.',
};

/** The way to say what an unknown option or command of this message means in restic. */
export function resticHint(message: string): string | undefined {
  const [, kind, word = ''] = /unknown (option|command) '([^'=]+)/.exec(message) ?? [];
  if (kind === 'command') return commands[word];
  // restic's short form of --repo.
  return options[word === '-r' ? '--repo' : word];
}
