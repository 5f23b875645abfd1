import { describe, expect, it } from 'vitest';
import { FolderSync } from './local-folders.ts';

/** An fsync that ends when told. */
function manualFsync(): { fsync: (folder: string) => Promise<void>; running: PromiseWithResolvers<void>[] } {
  const running: PromiseWithResolvers<void>[] = [];
  const fsync = (): Promise<void> => {
    const one = Promise.withResolvers<void>();
    running.push(one);
    return one.promise;
  };
  return { fsync, running };
}

describe('FolderSync', () => {
  it('shares one fsync among all who ask while another one runs', async () => {
    const { fsync, running } = manualFsync();
    const sync = new FolderSync(fsync);
    const first = sync.sync('/a');
    const others = [sync.sync('/a'), sync.sync('/a'), sync.sync('/a')];
    running[0]?.resolve();
    await first;
    await Promise.resolve();
    running[1]?.resolve();
    await Promise.all(others);
    expect(running).toHaveLength(2);
  });

  it('does not count an fsync that began before the call', async () => {
    const { fsync, running } = manualFsync();
    const sync = new FolderSync(fsync);
    const first = sync.sync('/a');
    let done = false;
    const second = sync.sync('/a').then(() => {
      done = true;
    });
    running[0]?.resolve();
    await first;
    await new Promise(setImmediate);
    expect(done).toBe(false);
    running[1]?.resolve();
    await second;
  });

  it('gives the failure of an fsync to those who waited for it only', async () => {
    const { fsync, running } = manualFsync();
    const sync = new FolderSync(fsync);
    const first = sync.sync('/a');
    const second = sync.sync('/a');
    running[0]?.reject(new Error('EIO'));
    await expect(first).rejects.toThrow('EIO');
    await new Promise(setImmediate);
    running[1]?.resolve();
    await second;
  });

  it('keeps folders apart', () => {
    const { fsync, running } = manualFsync();
    const sync = new FolderSync(fsync);
    void sync.sync('/a');
    void sync.sync('/b');
    expect(running).toHaveLength(2);
  });
});
