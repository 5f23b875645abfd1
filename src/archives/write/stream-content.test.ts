import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { streamEntry } from '../../sources/stream-entry.ts';
import { StreamContent, type StreamEntry } from './stream-content.ts';

let scratch: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'cairn-spools-'));
  vi.stubEnv('TMPDIR', scratch);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true });
});

/** Files of the spool that are open: they have no name any more. */
function openSpools(): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd));
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.startsWith(scratch));
}

function contentOf(open: () => AsyncIterable<Uint8Array>): StreamContent {
  const entry = streamEntry('file', { open }) as StreamEntry;
  return new StreamContent(entry, { signal: new AbortController().signal, onSpooled: () => {} });
}

describe.skipIf(process.platform !== 'linux')('the temporary file of a stream', () => {
  it('is closed with its owner, also where the stream is still read then and ends later', async () => {
    const held = Promise.withResolvers<void>();
    const content = contentOf(async function* () {
      yield utf8('some');
      await held.promise;
    });
    const prepared = content.prepare();
    await vi.waitFor(() => expect(openSpools()).toHaveLength(1));
    await content[Symbol.asyncDispose]();
    held.resolve();
    await prepared;
    expect(openSpools()).toEqual([]);
  });

  it('is closed where the stream fails', async () => {
    const content = contentOf(async function* () {
      yield utf8('some');
      throw new Error('broken');
    });
    await expect(content.prepare()).rejects.toThrow('broken');
    expect(openSpools()).toEqual([]);
  });
});
