// What a vault holds, as one word: whoever reads two with the same finds the same.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';

/**
 * The name of each file and folder, and the content of each file. Two things say nothing, and differ each time that a program is
 * killed at the same place: the number in the name of what a write left behind, and which lock it is. Of a lock it matters whether
 * it is whole; when it was made, and by which process, that is gone, does not.
 */
export function stateOf(path: string): string {
  const entries = fs.readdirSync(path, { recursive: true, withFileTypes: true });
  const lines = entries.map((entry) => {
    const name = join(entry.parentPath, entry.name).slice(path.length + 1);
    if (!entry.isFile()) return `${name}/`;
    const hash = sha256(fs.readFileSync(join(path, name)));
    if (name.startsWith('locks/')) return `locks/${entry.name === hash ? 'whole' : namedAlike(entry.name.slice(64))}`;
    return `${namedAlike(name)} ${hash}`;
  });
  return sha256(lines.toSorted().join('\n'));
}

function namedAlike(name: string): string {
  return name.replace(/-tmp-\d+$/u, '-tmp');
}

function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}
