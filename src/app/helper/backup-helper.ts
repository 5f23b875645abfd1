import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../../base/make-folders.ts';
import { CairnArgumentError, CairnError } from '../../base/errors.ts';
import { Job } from '../../base/job.ts';
import type { BackupSource } from '../../vault/actions/backup-source.ts';
import type { VaultRestoreOptions, VaultRestoreResult } from '../../vault/actions/restore-action.ts';
import type { OlderThanOptions } from '../../vault/care/delete-older-than.ts';
import type { RetentionResult, RotationOptions } from '../../vault/care/rotate-backups.ts';
import type { RotationRules } from '../../retention/rotation-policy.ts';
import type { Vault } from '../../vault/vault.ts';
import { type CommandOptions, commandOutput, commandToFile, commandToText } from './command-output.ts';
import type { TemporaryFolder } from '../../base/temporary-folder.ts';
import { type HelperBackupOptions, type HelperBackups, type HelperForm, saverOf } from './helper-form.ts';

export interface BackupHelperSetup<F extends HelperForm> {
  readonly form: F;
  readonly name: string;
  readonly vault: Vault;
  readonly tags: readonly string[];
  readonly rotation: RotationRules | undefined;
  readonly folder: TemporaryFolder;
  readonly signal: AbortSignal;
  /** Closed with the helper, after everything else. */
  readonly ownedVault: Vault | undefined;
  readonly stop: (reason: unknown) => void;
}

export interface RunOptions extends CommandOptions {
  /** A file of the helper's directory that gets what the command prints; it is there only if the command ends well. */
  readonly to?: string | undefined;
}

export type PipeOptions = Omit<CommandOptions, 'signal'>;

type Pipe = PipeOptions & { readonly command: string; readonly args: readonly string[] };

export interface RunOutput {
  /** Bytes that the command printed. */
  readonly bytes: number;
  /** What it printed, unless `to` named a file. */
  readonly stdout: string;
}

export type WriteData = string | Uint8Array | AsyncIterable<Uint8Array | string> | ReadableStream<Uint8Array>;

/**
 * A private directory to put dumps into, and the backup of it. The working directory of the process stays what it is.
 * Nothing is backed up by closing: call `backup()` as the last step, or use `withBackupHelper`.
 *
 * ```ts
 * await using h = await openBackupHelper('myhost_mysql', { vault, tags: ['mysql'] });
 * await h.run('mysqldump', ['--all-databases'], { to: 'dump.sql', env: { MYSQL_PWD: password } });
 * await h.backup();
 * ```
 */
export class BackupHelper<F extends HelperForm = 'snapshot'> implements AsyncDisposable {
  /** The name under which backups are found. */
  readonly name: string;
  /** The directory, as an absolute path. */
  readonly dir: string;
  readonly #setup: BackupHelperSetup<F>;
  readonly #partials: string;
  readonly #private: string;
  readonly #resources = new AsyncDisposableStack();
  /** Runs and writes under way. */
  readonly #writing = new Set<Promise<unknown>>();
  /** Backups under way. */
  readonly #running = new Set<Promise<unknown>>();
  #backups: HelperBackups[F][] = [];
  readonly #pipes = new Map<string, Pipe>();
  /** Numbers the unfinished files, so that no two have one name. */
  #count = 0;

  /** Opened with `openBackupHelper`. */
  constructor(setup: BackupHelperSetup<F>) {
    this.#setup = setup;
    this.name = setup.name;
    this.dir = path.join(setup.folder.path, 'files');
    // Beside the directory, so that half a dump is never part of a backup.
    this.#partials = path.join(setup.folder.path, 'partial');
    this.#private = path.join(setup.folder.path, 'private');
    const { ownedVault, folder, stop } = setup;
    // Closed from last to first; where several fail, `SuppressedError` keeps them all.
    if (ownedVault !== undefined) this.#resources.use(ownedVault);
    this.#resources.use(folder);
    this.#resources.defer(async () => {
      stop(new CairnError('ABORTED', `the backup helper ${this.name} was closed`));
      await Promise.allSettled([...this.#writing, ...this.#running]);
    });
  }

  /** The backups that were made so far. */
  get backups(): readonly HelperBackups[F][] {
    return this.#backups;
  }

  /** Something was backed up, and no pipe was added since. */
  get isBackedUp(): boolean {
    return this.#backups.length > 0 && this.#pipes.size === 0;
  }

  /** A path in the directory. Throws `ARGUMENT_INVALID` for one that leads out of it. */
  path(...parts: readonly string[]): string {
    const found = path.resolve(this.dir, ...parts);
    if (found === this.dir || found.startsWith(this.dir + path.sep)) return found;
    throw new CairnArgumentError(`${JSON.stringify(path.join(...parts))} leads out of the directory of the helper`);
  }

  /**
   * Runs a program in the directory, without a shell. Throws `COMMAND_FAILED`, with the last words of the program, where it
   * does not end with status 0. Give passwords in `env`: arguments can be read by everybody on the machine.
   */
  run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<RunOutput> {
    const signal = this.#signal(options.signal);
    const request = { ...options, command, args, cwd: this.dir };
    return this.#track(this.#writing, async () => {
      const { to } = options;
      if (to === undefined) {
        const stdout = await commandToText(request, signal);
        return { bytes: Buffer.byteLength(stdout), stdout };
      }
      const partial = path.join(this.#partials, String(this.#count++));
      return { bytes: await commandToFile(request, { file: this.path(to), partial, signal }), stdout: '' };
    });
  }

  /**
   * Lets the next backup run a program and save what it prints as the file `filename`, beside those of the directory and with no
   * temporary file. Where the program fails, nothing is saved at all. A password goes into `env`, as for `run`. Throws
   * `NOT_SUPPORTED` where the backup is an archive: tar has to know the size of a file before its content.
   */
  pipe(filename: string, command: string, args: readonly string[] = [], options: PipeOptions = {}): void {
    this.#setup.signal.throwIfAborted();
    if (this.#setup.form === 'archive') {
      throw new CairnError('NOT_SUPPORTED', 'what a program prints cannot go straight into an archive', {
        hint: 'Let it write a file with `run(…, { to })`.',
      });
    }
    if (path.basename(filename) !== filename || filename === '') {
      throw new CairnArgumentError(`${JSON.stringify(filename)} is no name of a file`);
    }
    this.#pipes.set(filename, { command, args, ...options });
  }

  /** Writes a file of the directory, readable by this user only, and returns its path. */
  write(file: string, data: WriteData, { signal }: { readonly signal?: AbortSignal } = {}): Promise<string> {
    const target = this.path(file);
    return this.#track(this.#writing, async () => {
      await makeFolders(path.dirname(target), 0o700);
      await writeFile(target, data, { mode: 0o600, signal: this.#signal(signal) });
      return target;
    });
  }

  /**
   * Writes a file that this user alone reads and that is not part of the backup, and returns its path: for the passwords that a
   * program takes from a file, such as `--defaults-extra-file` and `PGPASSFILE`.
   */
  writePrivate(file: string, data: string | Uint8Array): Promise<string> {
    const name = path.basename(file);
    if (name !== file || name === '') throw new CairnArgumentError(`${JSON.stringify(file)} is no name of a file`);
    const target = path.join(this.#private, name);
    return this.#track(this.#writing, async () => {
      await writeFile(target, data, { mode: 0o600, signal: this.#setup.signal });
      return target;
    });
  }

  /**
   * Backs up the directory, and what `pipe` was told, under the helper's name as one backup. Throws `SOURCE_EMPTY` where there
   * is nothing, `COMMAND_FAILED` where a program of a pipe fails, and `ARGUMENT_INVALID` while a `run` or `write` was not
   * awaited.
   */
  backup(options: HelperBackupOptions[F] = {}): Job<HelperBackups[F]> {
    if (this.#writing.size > 0) {
      throw new CairnArgumentError('something is still being written into the directory', {
        hint: 'Await `run` and `write` before `backup`.',
      });
    }
    const { vault, form, tags } = this.#setup;
    const pipes = [...this.#pipes];
    const own = { name: this.name, tags: [...tags, ...(options.tags ?? [])] };
    const job = new Job<HelperBackups[F]>(
      async (work) => {
        if (pipes.length === 0) await this.#refuseEmpty();
        const inner = saverOf(form)(vault, this.#source(pipes), options, { ...own, signal: work.signal });
        for await (const progress of inner) work.report(progress);
        const result = await inner;
        this.#backups.push(result);
        for (const [name] of pipes) this.#pipes.delete(name);
        return result;
      },
      { signal: this.#signal(options.signal) },
    );
    void this.#track(this.#running, async () => job);
    return job;
  }

  /** Restores the newest backup of this name, or the one that `reference` means. */
  restore({
    reference = this.name,
    ...options
  }: VaultRestoreOptions & { readonly reference?: string }): Job<VaultRestoreResult> {
    return this.#setup.vault.restore(reference, { ...options, signal: this.#signal(options.signal) });
  }

  /** Thins out the backups of this name, and of no other. Throws `RETENTION_EMPTY` without rules. */
  rotate(rules: RotationRules = this.#setup.rotation ?? {}, options: RotationOptions = {}): Job<RetentionResult> {
    return this.#setup.vault.rotate({ name: this.name }, rules, { ...options, signal: this.#signal(options.signal) });
  }

  /** Removes the backups of this name that are older than an interval such as `3M`; the newest stays. */
  deleteOlderThan(interval: string, options: OlderThanOptions = {}): Job<RetentionResult> {
    const { vault } = this.#setup;
    return vault.deleteOlderThan(interval, { name: this.name }, { ...options, signal: this.#signal(options.signal) });
  }

  close(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  /** Ends what runs, and removes the directory. Nothing is backed up by it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  #source(pipes: readonly (readonly [string, Pipe])[]): BackupSource {
    return {
      type: 'files',
      targets: [this.dir],
      // Always the same path, so that the backups of a name have a history, whatever the directory is called this time.
      storedAs: `/${this.name}`,
      ignoreFiles: [],
      streams: pipes.map(([name, request]) => ({
        name,
        open: (signal) => commandOutput({ ...request, cwd: this.dir }, signal),
      })),
    };
  }

  async #refuseEmpty(): Promise<void> {
    if ((await readdir(this.dir)).length > 0) return;
    throw new CairnError('SOURCE_EMPTY', `nothing was put into the directory of ${this.name}`, {
      hint: 'Write files into it first, with `run`, `write`, or at `dir`; or name a program with `pipe`.',
    });
  }

  /** Stops with the helper, and earlier where the caller says so. */
  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#setup.signal : AbortSignal.any([signal, this.#setup.signal]);
  }

  /** Closing waits for what runs. */
  #track<T>(among: Set<Promise<unknown>>, run: () => Promise<T>): Promise<T> {
    this.#setup.signal.throwIfAborted();
    const running = run();
    among.add(running);
    const done = (): void => void among.delete(running);
    running.then(done, done);
    return running;
  }
}
