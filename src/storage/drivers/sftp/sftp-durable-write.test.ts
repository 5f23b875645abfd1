import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import { writeDurably } from './sftp-durable-write.ts';
import { SFTP_STATUS, SftpStatusError } from './sftp-errors.ts';
import type { SftpSession } from './sftp-session.ts';

/** A session in which everything works but for what `overrides` say; it notes what it was asked for. */
function sessionWith(overrides: Record<string, () => Promise<void>>): {
  session: SftpSession;
  asked: readonly string[];
} {
  const asked: string[] = [];
  const base: Record<string, unknown> = { longestWrite: 1000, keepsOrder: true, has: () => true, lost: undefined };
  const session = new Proxy(base, {
    get: (target, name) => {
      if (typeof name !== 'string' || name in target) return target[String(name)];
      return async () => {
        asked.push(name);
        await overrides[name]?.();
        return Buffer.from('handle');
      };
    },
  });
  // A proxy answers to whatever is asked of it, which no type can say.
  return { session: session as unknown as SftpSession, asked };
}

const refuse = async (): Promise<void> => {
  throw new SftpStatusError(SFTP_STATUS.FAILURE, 'Failure');
};

const write = (session: SftpSession): Promise<void> =>
  writeDurably(session, {
    path: '/vault/data/x',
    name: 'data/x',
    parts: [utf8('content')],
    mode: undefined,
    ifAbsent: false,
    onLeftover: () => {},
  });

const closings = (asked: readonly string[]): number => asked.filter((name) => name.startsWith('close')).length;

describe('a durable write', () => {
  // Servers give the number of a closed handle to the next file that is opened, which may be that of another write.
  it.each(['renameOver', 'sync', 'write'])('closes its handle once when %s is refused', async (refused) => {
    const { session, asked } = sessionWith({ [refused]: refuse });
    await expect(write(session)).rejects.toThrow('Failure');
    expect(closings(asked)).toBe(1);
  });

  it('closes its handle once when all goes well', async () => {
    const { session, asked } = sessionWith({});
    await write(session);
    expect(closings(asked)).toBe(1);
  });
});
