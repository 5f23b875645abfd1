import { describe, expect, it } from 'vitest';
import { CairnError } from '../../base/errors.ts';
import { Job, type Progress } from '../../base/job.ts';
import { displayWidth, shortenMiddle } from './display-width.ts';
import { longEntryLine, modeText } from './entry-line.ts';
import { describeError, errorDocument } from './error-report.ts';
import { formatBytes, formatCount, formatDuration } from './format.ts';
import { toJson, writeJsonList } from './json.ts';
import { printable } from './printable.ts';
import { progressBarLine, progressLogLine } from './progress-line.ts';
import { StatusDisplay, statusMode } from './status-display.ts';
import { makeStyle, wantsColor } from './style.ts';
import { renderTable } from './table.ts';

const progress: Progress = {
  phase: 'backup',
  completed: 512 * 1024,
  total: 1024 * 1024,
  unit: 'bytes',
  description: '/home/user/documents/a long file name.pdf',
  bytes: 512 * 1024,
  totalBytes: 1024 * 1024,
  files: 12,
  totalFiles: 24,
  rate: 100 * 1024,
  etaMs: 5000,
  errors: 1,
};

describe('numbers for people', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
    [1.5 * 1024 ** 4, '1.5 TiB'],
  ])('shows %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0.0s'],
    [9999, '10.0s'],
    [42_000, '42s'],
    [185_000, '3m05s'],
    [7_620_000, '2h07m'],
    [273_600_000, '3d04h'],
  ])('shows %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('separates thousands', () => {
    expect([formatCount(999), formatCount(1000), formatCount(1_234_567)]).toEqual(['999', '1,000', '1,234,567']);
  });
});

describe('printable', () => {
  it('leaves plain and foreign text alone', () => {
    expect(printable('Übung 文書.txt')).toBe('Übung 文書.txt');
  });

  it('shows what would move the cursor, colour or reverse the text', () => {
    expect(printable('a\u001b[2Jb\nc\u009bd\u202ee')).toBe('a\\x1b[2Jb\\nc\\x9bd\\u202ee');
  });
});

describe('width', () => {
  it('counts wide characters twice and marks not at all', () => {
    expect([displayWidth('abc'), displayWidth('文書'), displayWidth('e\u0301'), displayWidth('👍')]).toEqual([
      3, 4, 1, 2,
    ]);
  });

  it('cuts in the middle and keeps both ends', () => {
    expect(shortenMiddle('/home/user/file.txt', 11)).toBe('/home…e.txt');
    expect(displayWidth(shortenMiddle('文書文書文書文書', 7))).toBeLessThanOrEqual(7);
    expect(shortenMiddle('abc', 3)).toBe('abc');
  });
});

describe('table', () => {
  it('aligns columns by what they show', () => {
    const text = renderTable(
      [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'PATH' }],
      [
        ['文書', '1', '/a'],
        ['x', '1000', '/b'],
      ],
    );
    expect(text).toBe('NAME  SIZE  PATH\n文書     1  /a\nx     1000  /b\n');
  });
});

describe('colours', () => {
  const base = { isTTY: true, env: {}, allowed: true };

  it('are for terminals that are not dumb', () => {
    expect(wantsColor(base)).toBe(true);
    expect(wantsColor({ ...base, isTTY: undefined })).toBe(false);
    expect(wantsColor({ ...base, env: { TERM: 'dumb' } })).toBe(false);
  });

  it('NO_COLOR and --no-color turn them off, FORCE_COLOR on', () => {
    expect(wantsColor({ ...base, env: { NO_COLOR: '1' } })).toBe(false);
    expect(wantsColor({ ...base, env: { NO_COLOR: '' } })).toBe(true);
    expect(wantsColor({ ...base, allowed: false, env: { FORCE_COLOR: '1' } })).toBe(false);
    expect(wantsColor({ ...base, isTTY: false, env: { FORCE_COLOR: '1' } })).toBe(true);
    expect(wantsColor({ ...base, env: { FORCE_COLOR: '0' } })).toBe(false);
  });
});

describe('progress', () => {
  it('shows phase, percent, bytes, files, rate, ETA, errors and the current file', () => {
    const line = progressLogLine(progress, 1500);
    expect(line).toBe(
      '[1.5s]  backup  50.0%  512.0 KiB / 1.0 MiB  12 / 24 files  100.0 KiB/s  ETA 5.0s  1 error  /home/user/documents/a long file name.pdf',
    );
  });

  it.each([20, 40, 79, 119, 200])('is never wider than %d cells', (width) => {
    expect(displayWidth(progressBarLine(progress, width, { unicode: true }))).toBeLessThanOrEqual(width);
  });

  it('says nothing about what is not known', () => {
    const unknown: Progress = { ...progress, total: undefined, totalBytes: 0, errors: 0, description: '' };
    const { rate: _rate, etaMs: _eta, totalFiles: _files, totalBytes: _bytes, ...rest } = unknown;
    expect(progressLogLine(rest, 0)).toBe('[0.0s]  backup  512.0 KiB  12 files');
  });
});

describe('status display', () => {
  it('draws a bar on a terminal only, and nothing when told to be quiet', () => {
    const terminal = { isTTY: true, write: () => true };
    expect(statusMode(terminal, {}, { quiet: false, json: false }).kind).toBe('bar');
    expect(statusMode(terminal, { TERM: 'dumb' }, { quiet: false, json: false }).kind).toBe('lines');
    expect(statusMode(terminal, {}, { quiet: true, json: false }).kind).toBe('silent');
    expect(statusMode({ write: () => true }, {}, { quiet: false, json: false })).toEqual({
      kind: 'lines',
      everyMs: 10_000,
    });
    expect(statusMode({ write: () => true }, { CAIRN_PROGRESS_SECONDS: '0' }, { quiet: false, json: false }).kind).toBe(
      'silent',
    );
  });

  it('gives the cursor back when the job fails', async () => {
    let written = '';
    const stream = { isTTY: true, columns: 80, write: (text: string) => void (written += text) };
    const display = new StatusDisplay(stream, { kind: 'bar', unicode: false });
    const failed = Promise.withResolvers<void>();
    const job = new Job<void>((context) => {
      context.report(progress);
      return failed.promise;
    });
    const followed = display.follow(job, () => ({ [Symbol.dispose]: () => {} }));
    while (!written.includes('backup')) await new Promise((resolve) => setTimeout(resolve, 10));
    failed.reject(new Error('stop'));
    await expect(followed).rejects.toThrow('stop');
    expect(written.startsWith('\u001b[?25l')).toBe(true);
    expect(written.endsWith('\u001b[?25h')).toBe(true);
  });

  it('prints messages above the status line', () => {
    let written = '';
    const display = new StatusDisplay({ write: (text) => void (written += text) }, { kind: 'silent' });
    display.print('warning: x\n');
    expect(written).toBe('warning: x\n');
  });
});

describe('errors', () => {
  const error = new CairnError('VAULT_MISSING', 'there is no vault at /x', {
    hint: 'Make one.',
    cause: new Error('ENOENT'),
  });

  it('names the thing, the cause and the way out', () => {
    expect(describeError(error, { style: makeStyle(false), verbose: 0 })).toBe(
      'error: there is no vault at /x\n       because: ENOENT\nhint:  Make one.\n',
    );
  });

  it('is one JSON object with its exit code', () => {
    expect(errorDocument(error)).toEqual({
      schema: 1,
      error: {
        code: 'VAULT_MISSING',
        message: 'there is no vault at /x',
        causes: ['ENOENT'],
        hint: 'Make one.',
        exit: 10,
      },
    });
  });

  it('has no causes in JSON where none says more than the message', () => {
    const same = new CairnError('STORAGE_IO', 'cannot read x: EIO', { cause: new Error('EIO') });
    expect(errorDocument(same).error.causes).toEqual([]);
  });

  it('cannot be used to write control characters', () => {
    const text = describeError(new CairnError('REF_UNKNOWN', 'no \u001b]0;evil\u0007'), {
      style: makeStyle(false),
      verbose: 0,
    });
    expect(text).not.toContain('\u001b');
  });
});

describe('JSON', () => {
  it('keeps integers above 2^53', () => {
    expect(toJson({ size: 2n ** 63n }, 0)).toBe('{"size":9223372036854775808}');
  });

  it.each([0, 1, 3])('writes a list of %d items as one document', async (count) => {
    let text = '';
    const items = Array.from({ length: count }, (_, at) => ({ at }));
    const write = (part: string): Promise<void> => {
      text += part;
      return Promise.resolve();
    };
    await writeJsonList(write, { schema: 1 }, 'items', items, () => ({ done: true }));
    expect(JSON.parse(text)).toEqual({ schema: 1, items, done: true });
  });
});

describe('entries', () => {
  it.each([
    ['dir', 0o1777, 'drwxrwxrwt'],
    ['file', 0o4755, '-rwsr-xr-x'],
    ['file', 0o2644, '-rw-r-Sr--'],
    ['symlink', 0o777, 'lrwxrwxrwx'],
  ] as const)('shows the mode of a %s %o as %s', (type, mode, text) => {
    expect(modeText({ type, mode })).toBe(text);
  });

  it('shows owner, size, time and the target of a link', () => {
    const line = longEntryLine({
      path: '/a',
      type: 'symlink',
      size: 0n,
      mode: 0o777,
      mtime: '2026-11-19T12:00:00.123456789Z',
      uid: 1000,
      gid: 1000,
      user: 'ann',
      group: '',
      linkTarget: 'b\n',
    });
    expect(line).toBe('lrwxrwxrwx ann      1000               0 2026-11-19 12:00:00 /a -> b\\n');
  });
});
