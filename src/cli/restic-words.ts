// What restic's command line has under other words: whoever comes from there is told how it is said here.

const KEYS = 'The key that opened the vault last time is tried first by itself.';
const SETTINGS = 'Settings of a storage are parts of its address, as in s3:…?storage-class=STANDARD_IA: see its guide.';
const AUTHORITY =
  'Name an authority of your own in CAIRN_CACERT for REST servers, or in ?ca-file=… of other addresses.';

const options: Readonly<Record<string, string>> = {
  '--read-data-subset': 'Write --read-data=PART, with the same parts: 5%, 10G or 3/7.',
  '--unsafe-allow-remove-all': 'To remove all backups of something, name them: `cairn delete REF…`.',
  '--repo': 'Name the vault with --vault, or in CAIRN_VAULT or RESTIC_REPOSITORY.',
  '--repository-file': 'Name the vault with --vault, or in CAIRN_VAULT.',
  '--from-repo': 'Write `cairn copy --from URL`.',
  '--from-repository-file': 'Write `cairn copy --from URL`.',
  '--from-key-hint': KEYS,
  '--copy-chunker-params': 'Leave it out: `cairn copy` brings files as they are cut already.',
  '--repository-version': 'Write --repo-version.',
  '--key-hint': KEYS,
  '--target': 'Write --to DIR for a restore. A dump goes to stdout: cairn dump … > FILE.',
  '--archive': 'Write --format tar or --format zip.',
  '--newest': 'Write --older-than TIME.',
  '--oldest': 'Write --newer-than TIME.',
  '--compact': 'Leave it out, or write --json and take what you need of it.',
  '--no-extra-verify': 'Write --no-verify-writes.',
  '--read-concurrency': 'Write --jobs N.',
  '--no-scan': 'Leave it out: looking ahead goes on beside the backup, and only tells how far it is.',
  '--option': SETTINGS,
  '--cacert': AUTHORITY,
  '--insecure-tls': `Certificates are always verified. ${AUTHORITY}`,
  '--tls-client-cert': 'Set CAIRN_TLS_CLIENT_CERT or RESTIC_TLS_CLIENT_CERT.',
  '--stuck-request-timeout': 'Leave it out: a storage that does not go on is given up by itself.',
  '--repack-smaller-than': 'Write --repack-small, with --pack-size.',
  '--snapshot-template': 'Write --json, and take what you need of it.',
  '--with-cache': 'A check reads from the vault itself.',
  '--cleanup-cache': 'Write `cairn cache`.',
};

const commands: Readonly<Record<string, string>> = {
  'rebuild-index': 'Write `cairn repair index`.',
  mount: 'Write `cairn ls`, `cairn cat`, `cairn dump` or `cairn restore`: there is no file system to mount.',
  version: 'Write `cairn --version`.',
  'self-update': 'Update the package: npm install cairn-backup@latest.',
  generate: 'Write `cairn completion SHELL`.',
};

const shortForms: Readonly<Record<string, string>> = { '-r': '--repo', '-o': '--option', '-a': '--archive' };

/** The way to say what an unknown option or command of this message means in restic. */
export function resticHint(message: string): string | undefined {
  const [, kind, word = ''] = /unknown (option|command) '([^'=]+)/.exec(message) ?? [];
  if (kind === 'command') return commands[word];
  return options[shortForms[word] ?? word];
}
