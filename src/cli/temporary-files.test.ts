import { globSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const source = fileURLToPath(new URL('..', import.meta.url));

describe('B09: temporary files', () => {
  it('are made where TMPDIR says, by whatever makes them', () => {
    const wrong = globSync('**/*.ts', { cwd: source })
      .filter((file) => !file.endsWith('.test.ts'))
      .filter((file) => {
        const text = readFileSync(join(source, file), 'utf8').replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
        const isFixed = /['"`]\/(?:var\/)?tmp[/'"`]/.test(text.replaceAll(/\['cairn [^\]]*\]/g, ''));
        // mkdtemp(join(tmpdir(), …)): Node's tmpdir follows TMPDIR, then TMP and TEMP. `parent` is a folder that was named.
        const isElsewhere =
          /\bmkdtemp(?:Sync|Disposable|DisposableSync)?\((?!\s*(?:join|path\.join)\(\s*(?:parent \?\? )?(?:os\.)?tmpdir\(\))/.test(
            text,
          );
        return isFixed || isElsewhere;
      });
    expect(wrong).toEqual([]);
  });

  it('follow TMPDIR as it is when they are made', () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = '/some/where';
    try {
      expect(tmpdir()).toBe('/some/where');
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });
});
