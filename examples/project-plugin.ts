// Changes what Cairn does by composing its parts, and patches none of them: a source `project` that is the `files` source
// with what every project leaves out, and a rule that stops a backup of a project without its lock file.
//   plugins: [{ use: ./project-plugin.ts, options: { exclude: ['*.log'] } }]
//   cairn backup project:./my-app
// In your own plugin the import is 'cairn-backup'.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BackupRecord, Plugin } from '../src/index.ts';

const alwaysOut = ['node_modules', 'dist', '.cache'];

/** What would have been a method that is patched into the record of a backup is a function that takes one. */
function label({ name, host, time }: BackupRecord): string {
  return `${name}@${host} of ${time.toISOString().slice(0, 10)}`;
}

export const plugin: Plugin = {
  name: 'project',
  activate({ config, on, registerSource, logger }) {
    const extra = config.options['exclude'];
    const exclude = [...alwaysOut, ...(Array.isArray(extra) ? extra.map(String) : [])];

    registerSource('project', (options) => {
      const { target } = options as { readonly target: string };
      if (!existsSync(join(target, 'package-lock.json')))
        throw new Error(`${target} has no lock file: run npm install`);
      return { type: 'files', targets: [target], exclude };
    });
    on('backup.done', ({ result }) => logger.info(`saved ${label(result)}`));
  },
};
