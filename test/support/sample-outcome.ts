import type { Outcome } from '../../src/app/notifications/outcome.ts';

export function sampleOutcome(change: Partial<Outcome> = {}): Outcome {
  return {
    action: 'backup',
    sessionId: '4028dfc7-7a17-4a99-b3fe-88f6e4879bda',
    plan: 'nightly',
    source: 'uploads',
    vault: 's3://backups/prod',
    host: 'web1',
    started: new Date('2026-11-25T03:00:00Z'),
    ended: new Date('2026-11-25T03:01:30Z'),
    status: 'ok',
    summary: 'all was saved, 12 files',
    backup: { id: 'a'.repeat(64), name: 'uploads' },
    bytes: 3 * 1024 * 1024,
    storedBytes: 512,
    problems: [],
    problemCount: 0,
    ...change,
  };
}

export function failedSample(message: string, change: Partial<Outcome> = {}): Outcome {
  return sampleOutcome({
    status: 'failed',
    summary: message,
    bytes: null,
    storedBytes: null,
    error: { code: 'STORAGE_UNREACHABLE', message, hint: 'Check the network.' },
    ...change,
  });
}
