import { CairnError } from '../base/errors.ts';
import { generateKey } from '../base/generated-key.ts';
import type { CliContext } from './context.ts';
import { ensureKeyFile } from './default-vault.ts';

/** A random password, for a vault, a key of one or an archive: into a new file, or onto stdout for a password manager. */
export async function generateKeyInto(cli: CliContext, file: string | undefined): Promise<void> {
  if (file === undefined) {
    const key = generateKey();
    await (cli.options.json ? cli.out.json({ schema: 1, key }) : cli.out.write(`${key}\n`));
    return;
  }
  const { created } = await ensureKeyFile(file);
  if (!created) {
    throw new CairnError('TARGET_EXISTS', `there is a file ${file} already; it was not changed`, {
      hint: 'Choose another name. Where the file is the password of a vault, keep it: without it nothing can be restored.',
      facts: { path: file },
    });
  }
  if (cli.options.json) await cli.out.json({ schema: 1, file });
  else await cli.out.write(`made ${file}\n`);
  cli.info('save a copy of it somewhere else: without it nothing in the vault can be restored');
}
