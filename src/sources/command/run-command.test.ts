import { describe, expect, it } from 'vitest';
import { openCommandSource } from './command-source.ts';
import { runCommand } from './run-command.ts';
import type { RunCommandOptions } from './run-command.ts';

const never = new AbortController().signal;

async function outputOf(options: RunCommandOptions, signal = never): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of runCommand(options, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const shell = (script: string, rest: Partial<RunCommandOptions> = {}): RunCommandOptions => ({
  command: 'sh',
  args: ['-c', script],
  ...rest,
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function waitUntil(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 25));
  return condition();
}

async function* parts(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 40; i++) yield Buffer.alloc(100_000, 'y');
}

async function* silent(): AsyncGenerator<Uint8Array> {
  await new Promise(() => {});
  yield new Uint8Array();
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half');
  throw new Error('the input broke');
}

describe('runCommand', () => {
  it('gives all of the output, also when it is large', async () => {
    const text = await outputOf(shell('head -c 3000000 /dev/zero | tr "\\0" x; echo end'));
    expect(text.length).toBe(3_000_004);
    expect(text.endsWith('xend\n')).toBe(true);
  });

  it('passes arguments without a shell', async () => {
    expect(await outputOf({ command: 'printf', args: ['%s', '$HOME; "x"'] })).toBe('$HOME; "x"');
  });

  it('fails with the status and the last words of a command that fails after its output', async () => {
    const words: string[] = [];
    const run = outputOf(
      shell('echo data; echo first >&2; echo "disk is gone" >&2; exit 3', {
        onStderr: (chunk) => words.push(Buffer.from(chunk).toString()),
      }),
    );
    await expect(run).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: 'sh exited with status 3: disk is gone',
      facts: { exitCode: 3, stderr: ['first', 'disk is gone'] },
    });
    expect(words.join('')).toBe('first\ndisk is gone\n');
  });

  it('fails when the command is killed', async () => {
    await expect(outputOf(shell('echo data; kill -9 $$'))).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      facts: { signal: 'SIGKILL' },
    });
  });

  it('fails when there is no such command', async () => {
    await expect(outputOf({ command: '/nonexistent/dump' })).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  });

  it('never names the arguments, which may hold secrets', async () => {
    const failure: unknown = await outputOf({ command: 'false', args: ['--password=hunter2'] }).catch((error) => error);
    expect(JSON.stringify(failure) + String(failure)).not.toContain('hunter2');
  });

  it('ends the whole process group on abort and throws the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let child = 0;
    const run = (async () => {
      for await (const chunk of runCommand(shell('sleep 60 & echo $!; wait'), controller.signal)) {
        child = Number(Buffer.from(chunk).toString());
        controller.abort(reason);
      }
    })();
    await expect(run).rejects.toBe(reason);
    expect(await waitUntil(() => !isAlive(child))).toBe(true);
  });

  it('ends by force a command that does not listen', async () => {
    const controller = new AbortController();
    const run = (async () => {
      const options = shell('trap "" TERM; echo ready; while :; do sleep 0.05; done', { killDelayMs: 50 });
      for await (const _ of runCommand(options, controller.signal)) controller.abort();
    })();
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('ends the command when the reader leaves early', async () => {
    let child = 0;
    for await (const chunk of runCommand(shell('echo $$; exec sleep 60'), never)) {
      child = Number(Buffer.from(chunk).toString());
      break;
    }
    expect(await waitUntil(() => !isAlive(child))).toBe(true);
  });

  it('gives the command its input, also when it is large', async () => {
    expect(await outputOf({ command: 'wc', args: ['-c'], input: parts() })).toBe('4000000\n');
  });

  it('has no quarrel with a command that does not read all of its input', async () => {
    expect(await outputOf(shell('head -c 2', { input: 'x'.repeat(5_000_000) }))).toBe('xx');
  });

  it('does not wait for an input that never comes once the command has ended', async () => {
    expect(await outputOf(shell('echo done', { input: silent() }))).toBe('done\n');
  });

  it('fails where the input fails, although the command takes what it got for all', async () => {
    await expect(outputOf({ command: 'cat', input: broken() })).rejects.toThrow('the input broke');
  });

  it('does not start when already aborted', async () => {
    await expect(outputOf(shell('echo x'), AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });
});

describe('openCommandSource', () => {
  it('puts the output at the given path of the snapshot', () => {
    const source = openCommandSource({ command: 'true', filename: '/dumps/main.sql' });
    expect(source.paths).toEqual(['/dumps/main.sql']);
    const [dumps] = source.root.list(() => {});
    expect(dumps?.kind === 'directory' && dumps.key).toBe('dumps');
    const [file] = dumps?.kind === 'directory' ? dumps.directory.list(() => {}) : [];
    expect(file?.kind === 'stream' && file.key).toBe('main.sql');
  });

  it('is named after the command by default', () => {
    expect(openCommandSource({ command: '/usr/bin/pg_dump' }).paths).toEqual(['/pg_dump']);
  });

  it.each(['', '/', '../x', 'a/./b', 'a\0b'])('refuses the name %j', (filename) => {
    expect(() => openCommandSource({ command: 'true', filename })).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID' }),
    );
  });
});
