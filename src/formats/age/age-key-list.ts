// Files of keys as age has them: one a line, `#` begins a comment. A recipients file holds public keys, an identity file
// secret ones.
import { CairnError } from '../../base/errors.ts';
import { Secret } from '../../base/secret.ts';

/** Public keys of a recipients file. Throws `CONFIG_INVALID`; `place` names the file in it. */
export function parseRecipients(text: string, place: string): readonly string[] {
  return parseLines(text, 'age1', place, 'public');
}

/** Secret keys of an identity file. Throws `CONFIG_INVALID`, never with what was read. */
export function parseIdentities(text: string, place: string): readonly Secret[] {
  return parseLines(text, 'AGE-SECRET-KEY-', place, 'secret').map((line) => new Secret(line));
}

function parseLines(text: string, start: string, place: string, kind: string): string[] {
  const keys: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (!line.startsWith(start)) {
      throw new CairnError('CONFIG_INVALID', `${place}, line ${index + 1}: not a ${kind} key of age`, {
        hint: `One key a line, beginning with ${start}; # begins a comment. \`age-keygen\` makes such files.`,
      });
    }
    keys.push(line);
  }
  if (keys.length > 0) return keys;
  throw new CairnError('CONFIG_INVALID', `${place} holds no ${kind} key of age`);
}
