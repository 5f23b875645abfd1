// What takes seconds to make and is the same each time: the first test of a run of Vitest that needs it makes it, others get copies.
import fs from 'node:fs';
import { join } from 'node:path';

/** Copies to `target` the folder that `make` makes at the path that it is given; `name` tells it from all others of the run. */
export async function copyMadeOnce(name: string, target: string, make: (path: string) => Promise<void>): Promise<void> {
  const folder = join(process.env['CAIRN_TESTS'] ?? '', 'made');
  const made = join(folder, name.replaceAll(/[^\w.-]+/gu, '-'));
  if (!fs.existsSync(made)) {
    fs.mkdirSync(folder, { recursive: true });
    const draft = join(fs.mkdtempSync(`${made}-`), 'draft');
    await make(draft);
    try {
      fs.renameSync(draft, made);
    } catch (error) {
      // Another test file, which runs at the same time, was quicker.
      if (!fs.existsSync(made)) throw error;
    }
  }
  fs.cpSync(made, target, { recursive: true });
}
