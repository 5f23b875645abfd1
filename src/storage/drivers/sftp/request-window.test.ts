import { describe, expect, it } from 'vitest';
import { RequestWindow } from './request-window.ts';

const never = (): Promise<void> => new Promise(() => {});

describe('a request window', () => {
  it('keeps as many requests under way as it may, and no more', async () => {
    const window = new RequestWindow(3);
    let running = 0;
    let most = 0;
    for (let index = 0; index < 10; index++) {
      await window.add(async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      });
    }
    await window.end();
    expect([most, running]).toEqual([3, 0]);
  });

  it('starts nothing after a failure and throws it, without waiting for what does not end', async () => {
    const window = new RequestWindow(2);
    await window.add(never);
    await window.add(() => Promise.reject(new Error('first')));
    await expect(window.add(() => Promise.reject(new Error('not started')))).rejects.toThrow('first');
    await expect(window.end()).rejects.toThrow('first');
  });
});
