import { expect, it } from 'vitest';
import { answerWithin } from './answer-within.ts';

const closed: string[] = [];
const late = (value: string): void => void closed.push(value);

it('gives what the server answers, and its refusal', async () => {
  expect(await answerWithin<string>((done) => done(undefined, 'channel'), { limitMs: 1000, late })).toBe('channel');
  const refused = answerWithin<string>((done) => done(new Error('administratively prohibited'), ''), {
    limitMs: 1000,
    late,
  });
  await expect(refused).rejects.toThrow('administratively prohibited');
});

it('does not wait for a server that stays silent, and closes what comes too late', async () => {
  const answers: ((error: undefined, value: string) => void)[] = [];
  const waiting = answerWithin<string>((done) => void answers.push(done), { limitMs: 5, late });
  await expect(waiting).rejects.toThrow('no answer in 0.005 s');
  answers[0]?.(undefined, 'channel');
  expect(closed).toEqual(['channel']);
});

it('ends with the reason of the signal', async () => {
  const controller = new AbortController();
  const waiting = answerWithin<string>(() => {}, { limitMs: 60_000, signal: controller.signal, late });
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});
