import { describe, expect, it } from 'vitest';
import { failedSample, sampleOutcome } from '../../../test/support/sample-outcome.ts';
import { viewHtml } from './message-html.ts';
import { messageView, viewText } from './message-view.ts';

describe('messageView', () => {
  it('says what happened, to what, where and how long it took', () => {
    const view = messageView({ kind: 'ended', outcome: sampleOutcome() });
    expect(view.title).toBe('Backup ok: uploads on web1');
    expect(viewText(view)).toBe(
      [
        'result: all was saved, 12 files',
        'plan: nightly',
        'source: uploads',
        'vault: s3://backups/prod',
        'host: web1',
        'started: 2026-11-25T03:00:00.000Z',
        'session: 4028dfc7-7a17-4a99-b3fe-88f6e4879bda',
        'took: 1 min 30 s',
        'backup: uploads (aaaaaaaa)',
        'data: 3.0 MiB',
        'stored: 512 B',
      ].join('\n'),
    );
  });

  it('gives the code of an error and the way out', () => {
    const text = viewText(messageView({ kind: 'ended', outcome: failedSample('no route') }));
    expect(text).toContain('error: no route (STORAGE_UNREACHABLE)\nwhat to do: Check the network.');
  });

  it('lists the first problems and counts the others', () => {
    const problems = Array.from({ length: 50 }, (_, i) => ({
      path: `/f${i}`,
      code: 'SOURCE_UNREADABLE',
      message: 'no',
    }));
    const outcome = sampleOutcome({ status: 'partial', problems, problemCount: 120 });
    const text = viewText(messageView({ kind: 'ended', outcome }));
    expect(text).toContain('problems: 120\n- /f0: no (SOURCE_UNREADABLE)');
    expect(text).toContain('- /f9: no (SOURCE_UNREADABLE)\n- and 110 more');
  });

  it('shows a line break in a name as one character of one line', () => {
    const problems = [{ path: '/a\nerror: all is lost\u202e', code: 'SOURCE_MISSING', message: 'gone' }];
    const text = viewText(messageView({ kind: 'ended', outcome: sampleOutcome({ problems, problemCount: 1 }) }));
    expect(text.split('\n').at(-1)).toBe('- /a\u{fffd}error: all is lost\u{fffd}: gone (SOURCE_MISSING)');
  });

  it('puts what failed first in a digest', () => {
    const outcomes = [sampleOutcome(), failedSample('disk gone', { source: 'db' }), sampleOutcome({ source: 'web' })];
    const since = new Date(0);
    const view = messageView({ kind: 'digest', outcomes, omitted: 4, since, until: since });
    expect(view.title).toBe('Backups: 2 ok, 0 partial, 1 failed, 4 more');
    expect(view.severity).toBe('error');
    expect(view.sections[1]?.heading).toBe('Backup FAILED: db on web1');
  });

  it('escapes in HTML what files are named', () => {
    const problems = [{ path: '/<img src=x onerror="a">&', code: 'X', message: "it's" }];
    const html = viewHtml(messageView({ kind: 'ended', outcome: sampleOutcome({ problems, problemCount: 1 }) }));
    expect(html).toContain('/&lt;img src=x onerror=&quot;a&quot;&gt;&amp;: it&#39;s');
    expect(html).not.toContain('<img');
  });
});

it('breaks no line where a name does, which could begin a header of a mail', () => {
  const subject = sampleOutcome({ source: 'x\r\nBcc: all@example.org' });
  for (const message of [
    { kind: 'started', subject },
    { kind: 'ended', outcome: subject },
  ] as const) {
    expect(messageView(message).title).not.toMatch(/[\r\n]/u);
  }
});
