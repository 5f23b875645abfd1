// The real program, killed at its first storage operation, at its second, and so on to the last one: what holds afterwards is the
// same for all commands. test/crash/every-kill.test.ts says which kills there are.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { mapConcurrent } from '../../src/base/concurrency.ts';
import type { BackupRecord } from '../../src/vault/reference/backup-record.ts';
import { type BuiltCommand, builtCommand } from './built-command.ts';
import { endOf, type ProgramRun, startProgram } from './killed-program.ts';
import {
  allFilesIn,
  type ExpectedOf,
  expectResticReads,
  leftoversIn,
  locksIn,
  readSurvived,
  type SurvivedVault,
  tidy,
} from './survived-vault.ts';
import { stateOf } from './vault-state.ts';

const EVERY = process.env['CAIRN_EVERY_KILL'] === '1';
/** Of the kills at an operation that changes something, so many are followed by restores with both programs. */
const RESTORE_EVERY = 3;
const ROUNDS_AT_ONCE = 2;
const preload = join(import.meta.dirname, 'kill-at-operation.ts');

/** The backups in each vault of a round, by the name of its folder. */
export type Backups = Readonly<Record<string, readonly BackupRecord[]>>;

export interface KillStory {
  /** A folder with the vaults, and what else the command needs; each run gets a copy. */
  readonly template: string;
  /** Folders of vaults below the template, at whose operations the program is killed; `vault` alone by default. */
  readonly vaults?: readonly string[];
  readonly args: (folder: string) => readonly string[];
  /** The password, and any other that may open the vault after a kill; the command runs again with the first that does. */
  readonly passwords: readonly string[];
  /** How a run may end that nobody kills; by default well. */
  readonly ends?: readonly number[];
  /** What a check may name after a kill, as `kind object`, beside packs that nothing refers to and blobs that are listed twice. */
  readonly mayFind?: RegExp;
  /** What it may name once the command has ended, where another command is for that. */
  readonly leaves?: RegExp;
  /** The lock of the dead stays where nothing is left to do, until a command takes a lock of its own. */
  readonly keepsStaleLock?: boolean;
  readonly expectedOf: ExpectedOf;
  /** Which backups have to be there after a kill. */
  readonly after: (backups: Backups) => void;
  /** What is there once the command has ended, and the first of the passwords that opens it. */
  readonly done: (backups: Backups, password: string) => void;
}

export interface KillCounts {
  readonly operations: number;
  readonly kills: number;
  /** After how many of them both programs restored everything. */
  readonly restored: number;
}

interface Operation {
  readonly number: number;
  /** Others that had begun and not ended when it began. */
  readonly underWay: number;
  readonly kind: string;
  readonly name: string;
}

interface Kill {
  readonly operation: Operation;
  readonly when: 'before' | 'torn' | 'after';
  /** `restore`: every backup is restored by both programs, and restic checks as well; `read`: we check, and read every backup. */
  readonly how: 'read' | 'restore';
  /** Whether the command runs again afterwards. What only reads leaves the vault as the operation before it did. */
  readonly again: boolean;
}

/** What all rounds of a story share. */
interface Sweep {
  readonly story: KillStory;
  /** Where folders are made. */
  readonly scratch: string;
  readonly command: BuiltCommand;
  /** What was read of vaults, or restored from them, by their state; it was as it has to be. */
  readonly survived: Map<string, Promise<SurvivedVault>>;
}

/** Runs the story to its end once, and then once for each kill on a fresh copy. `scratch` is where it makes folders. */
export async function sweepKills(scratch: string, story: KillStory): Promise<KillCounts> {
  const sweep: Sweep = { story, scratch, command: builtCommand(), survived: new Map() };
  const operations = await listOperations(new KilledRound(sweep));
  const kills = killsAt(operations);
  await mapConcurrent(kills, { limit: ROUNDS_AT_ONCE }, async (kill) => {
    const round = new KilledRound(sweep);
    try {
      await round.play(kill);
    } catch (error) {
      const { number, kind, name } = kill.operation;
      const place = `operation ${number} of ${operations.length} (${kind} ${name})`;
      throw new Error(`killed ${kill.when} ${place}`, { cause: error });
    }
    round.remove();
  });
  const restored = kills.filter(({ how }) => how === 'restore').length;
  return { operations: operations.length, kills: kills.length, restored };
}

function killsAt(operations: readonly Operation[]): Kill[] {
  let changes = 0;
  return operations.flatMap((operation) => {
    const isChange = operation.kind === 'write' || operation.kind === 'remove';
    return momentsOf(operation).map((when) => {
      const restores = EVERY || (isChange && changes++ % RESTORE_EVERY === 0);
      return { operation, when, how: restores ? 'restore' : 'read', again: isChange };
    });
  });
}

function momentsOf({ kind, underWay }: Operation): Kill['when'][] {
  const moments: Kill['when'][] = ['after'];
  if (kind === 'write') moments.unshift('torn');
  // Otherwise it is the same as after the operation before it.
  if (underWay > 0) moments.unshift('before');
  return moments;
}

/** Of a run that nobody kills. Throws where it changed a file by something that is not among them. */
async function listOperations(round: KilledRound): Promise<readonly Operation[]> {
  const before = round.files();
  const operations = await round.runToEnd();
  const after = round.files();
  const namesOf = (kind: string): Set<string> =>
    new Set(operations.filter((one) => one.kind === kind).map(({ name }) => name));
  expect(after.difference(before).difference(namesOf('write'))).toEqual(new Set());
  expect(before.difference(after).difference(namesOf('remove'))).toEqual(new Set());
  await round.expectDone('restore');
  round.remove();
  return operations;
}

/** One run on a copy of its own. */
class KilledRound {
  readonly #sweep: Sweep;
  readonly #story: KillStory;
  readonly #folder: string;
  readonly #vaults: readonly string[];
  /** What opens the vaults now. */
  #password: string;
  /** Vaults in which the last check found nothing at all. */
  readonly #isTidy = new Set<string>();

  constructor(sweep: Sweep) {
    const { story } = sweep;
    this.#sweep = sweep;
    this.#story = story;
    this.#password = story.passwords[0] ?? '';
    this.#folder = fs.mkdtempSync(join(sweep.scratch, 'round-'));
    this.#vaults = (story.vaults ?? ['vault']).map((name) => join(this.#folder, name));
    fs.cpSync(story.template, this.#folder, { recursive: true });
    fs.mkdirSync(join(this.#folder, 'home'));
  }

  async play({ operation, when, how, again }: Kill): Promise<void> {
    const { end, output } = await this.#run({ CAIRN_KILL_AT: String(operation.number), CAIRN_KILL_WHEN: when });
    if (end !== 'SIGKILL') throw new Error(`it was not killed and ended with ${end}: ${output}`);
    if (when === 'torn') expect(this.#vaults.flatMap(leftoversIn)).toHaveLength(1);
    await this.#expectSurvived(how);
    if (!again) return;
    await this.#runWell();
    await this.expectDone(how);
    await this.#expectTidy();
  }

  async runToEnd(): Promise<readonly Operation[]> {
    const log = join(this.#folder, 'operations');
    await this.#runWell({ CAIRN_KILL_LOG: log });
    const lines = fs.readFileSync(log, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => {
      const [number = '', underWay = '', kind = '', name = ''] = line.split(' ');
      return { number: Number(number), underWay: Number(underWay), kind, name };
    });
  }

  /** The command is over: no lock and no damage is left. */
  async expectDone(how: 'read' | 'restore'): Promise<void> {
    const { leaves, done, keepsStaleLock = false } = this.#story;
    if (!keepsStaleLock) expect(this.#vaults.flatMap(locksIn)).toEqual([]);
    const harmless = (finding: string): boolean => finding.startsWith('pack-orphan ') || leaves?.test(finding) === true;
    const backups = await this.#readAll(harmless, { how, isDamaged: leaves !== undefined });
    done(backups, this.#password);
  }

  /** Names of all files in the vaults, but those of writes that did not end. */
  files(): Set<string> {
    return new Set(this.#vaults.flatMap((path) => allFilesIn(path)).filter((name) => !name.includes('-tmp-')));
  }

  remove(): void {
    fs.rmSync(this.#folder, { recursive: true });
  }

  async #expectSurvived(how: 'read' | 'restore'): Promise<void> {
    const { mayFind, after } = this.#story;
    const harmless = (finding: string): boolean =>
      /^(?:pack-orphan|index-repeated) /u.test(finding) || mayFind?.test(finding) === true;
    after(await this.#readAll(harmless, { how, isDamaged: mayFind !== undefined }));
  }

  /** A prune a day later removes what the kill left beside the work of the command. */
  async #expectTidy(): Promise<void> {
    const { passwords, expectedOf, leaves } = this.#story;
    if (leaves !== undefined) return;
    for (const path of this.#vaults) {
      if (this.#isTidy.has(path) && leftoversIn(path).length + locksIn(path).length === 0) continue;
      await tidy(path, passwords);
      // In the root of a vault, which may be a whole disk, nobody looks for what was left.
      const left = leftoversIn(path).filter((name) => !name.startsWith('config-tmp-'));
      expect([...left, ...locksIn(path)]).toEqual([]);
      const { findings } = await readSurvived(path, passwords, expectedOf, 'read');
      expect(findings).toEqual([]);
    }
  }

  async #readAll(
    isHarmless: (finding: string) => boolean,
    { how, isDamaged }: { readonly how: 'read' | 'restore'; readonly isDamaged: boolean },
  ): Promise<Backups> {
    const found: Record<string, SurvivedVault['backups']> = {};
    for (const path of this.#vaults) {
      const survived = await this.#read(path, how, isDamaged);
      expect(survived.findings.filter((finding) => !isHarmless(finding))).toEqual([]);
      if (survived.findings.length === 0) this.#isTidy.add(path);
      else this.#isTidy.delete(path);
      this.#password = survived.password;
      found[path.slice(this.#folder.length + 1)] = survived.backups;
    }
    return found;
  }

  /** Once for each state: what can be restored can be read. */
  #read(path: string, how: 'read' | 'restore', isDamaged: boolean): Promise<SurvivedVault> {
    const { survived } = this.#sweep;
    const state = `${isDamaged} ${stateOf(path)}`;
    const known = survived.get(`restore ${state}`) ?? survived.get(`${how} ${state}`);
    if (known !== undefined) return known;
    const read = this.#readNew(path, how, isDamaged);
    survived.set(`${how} ${state}`, read);
    return read;
  }

  async #readNew(path: string, how: 'read' | 'restore', isDamaged: boolean): Promise<SurvivedVault> {
    const { passwords, expectedOf } = this.#story;
    const survived = await readSurvived(path, passwords, expectedOf, how);
    if (how === 'restore') await expectResticReads(path, survived, expectedOf, isDamaged);
    return survived;
  }

  #run(env: Readonly<Record<string, string>>): Promise<ProgramRun> {
    const child = startProgram(['--yes', ...this.#story.args(this.#folder)], {
      home: join(this.#folder, 'home'),
      preload,
      file: this.#sweep.command.program,
      env: {
        CAIRN_KILL_DRIVER: this.#sweep.command.driver,
        CAIRN_PASSWORD: this.#password,
        CAIRN_TO_PASSWORD: this.#password,
        CAIRN_KILL_BELOW: this.#vaults.join(':'),
        ...env,
      },
    });
    return endOf(child);
  }

  async #runWell(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { end, output } = await this.#run(env);
    if (!(this.#story.ends ?? [0]).some((code) => code === end)) throw new Error(`it ended with ${end}: ${output}`);
  }
}
