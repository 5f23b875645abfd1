// The questions of `cairn config init`. Nothing is written here: the answers are edits, applied when all are known.
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { isCairnError, messageOf } from '../base/errors.ts';
import { parseStorageUrl } from '../storage/open-storage.ts';
import type { ConfigEdit } from './edit-config.ts';
import { isFields } from './merge-profile.ts';
import { literal } from './variables.ts';
import { weekdays } from '../retention/weekday.ts';

/** Who answers the questions: a terminal, or a test. */
export interface Interviewer {
  readonly say: (text: string) => void;
  /** The answer without white space around it; `current` where it is empty. */
  readonly ask: (question: string, current?: string) => Promise<string>;
  /** An answer that is not shown; empty to keep what is there. */
  readonly askHidden: (question: string) => Promise<string>;
  readonly confirm: (question: string) => Promise<boolean>;
}

/** What was found at the URL of a vault. */
export type Probe = (url: string, env: Readonly<Record<string, string>>) => Promise<'vault' | 'empty'>;

export interface InterviewContext {
  /** The file as it is; its values are the defaults of the questions. */
  readonly current: unknown;
  /** Where the file is. Relative paths in it start there; those that are typed start at `cwd`. */
  readonly file: string;
  readonly cwd: string;
  readonly home: string;
  readonly probe: Probe;
}

export interface Answers {
  readonly edits: readonly ConfigEdit[];
  readonly vault: string;
  /** There is no vault at that place yet. */
  readonly isNew: boolean;
  /** Files to make with a random password, readable by the owner only. */
  readonly passwordFiles: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Asks until it is known where the vault is, how it is opened, and what is backed up. */
export async function interview(io: Interviewer, context: InterviewContext): Promise<Answers> {
  const vaults = fieldsAt(context.current, 'vaults');
  const chosen = textOf(fieldsAt(context.current, 'default')['vault']) ?? Object.keys(vaults)[0] ?? 'main';
  const vault = await askUntil(io, 'Name of the vault', chosen, checkName);
  const place = await askPlace(io, fieldsAt(vaults, vault), context);
  const { password, files } = await askPassword(io, fieldsAt(vaults, vault)['password'], context);
  const at = ['vaults', vault];
  const edits: ConfigEdit[] = [
    { path: [...at, 'url'], value: place.url },
    ...Object.entries(place.env).map(([name, value]) => ({ path: [...at, 'env', name], value: literal(value) })),
    ...(password === undefined ? [] : [{ path: [...at, 'password'], value: password }]),
    { path: ['default', 'vault'], value: vault },
    ...(await askSource(io, vault, context)),
  ];
  return { edits, vault, isNew: place.isNew, passwordFiles: files };
}

interface Place {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly isNew: boolean;
}

async function askPlace(io: Interviewer, known: Fields, context: InterviewContext): Promise<Place> {
  const { home, probe } = context;
  for (;;) {
    const before = textOf(known['url']);
    const answer = await askUntil(io, 'Where it is: a folder, or a URL such as s3://BUCKET/PREFIX', before, checkUrl);
    const url = answer === before || !isPath(answer) ? answer : typedPath(answer, context);
    const env = /^s3:/i.test(url) ? await askKeys(io, fieldsAt(known, 'env')) : {};
    try {
      const variables = { ...Object.fromEntries(textEntries(known['env'])), ...env };
      const state = await probe(isPath(url) ? absolute(url, dirname(context.file), home) : url, variables);
      io.say(state === 'vault' ? 'There is a vault there.' : 'It can be reached; there is no vault there yet.');
      return { url, env, isNew: state === 'empty' };
    } catch (error) {
      if (isCairnError(error) && error.code === 'ABORTED') throw error;
      io.say(`It cannot be used: ${messageOf(error)}`);
      if (await io.confirm('Keep these answers all the same?')) return { url, env, isNew: false };
    }
  }
}

function textEntries(value: unknown): [string, string][] {
  return isFields(value)
    ? Object.entries(value).flatMap(([key, text]): [string, string][] =>
        typeof text === 'string' ? [[key, text]] : [],
      )
    : [];
}

/** Keys that are empty come from the environment, or from ~/.aws. */
async function askKeys(io: Interviewer, known: Fields): Promise<Readonly<Record<string, string>>> {
  const before = textOf(known['AWS_ACCESS_KEY_ID']);
  const id = await io.ask('Access key id (empty: that of the environment or of ~/.aws)', before);
  if (id === '') return {};
  const secret = await io.askHidden(
    `Secret access key${known['AWS_SECRET_ACCESS_KEY'] === undefined ? '' : ' (empty: as it is)'}`,
  );
  return { AWS_ACCESS_KEY_ID: id, ...(secret === '' ? {} : { AWS_SECRET_ACCESS_KEY: secret }) };
}

const PASSWORD_WAYS = ['ask', 'file', 'command', 'env', 'keep'] as const;

async function askPassword(
  io: Interviewer,
  known: unknown,
  context: InterviewContext,
): Promise<{ readonly password: unknown; readonly files: readonly string[] }> {
  const ways = PASSWORD_WAYS.filter((way) => way !== 'keep' || known !== undefined);
  const way = await askUntil(
    io,
    `Where its password comes from: ${ways.join(', ')}`,
    known === undefined ? 'ask' : 'keep',
    (text) => (ways.some((one) => one === text) ? undefined : `It is one of ${ways.join(', ')}.`),
  );
  switch (way) {
    case 'file': {
      const answer = await askUntil(io, 'File of the password', '~/.config/cairn/password', notEmpty);
      const path = typedPath(answer, context);
      const place = absolute(path, dirname(context.file), context.home);
      const isMissing = !existsSync(place);
      const make = isMissing && (await io.confirm('It does not exist. Make it, with a random password?'));
      return { password: { file: path }, files: make ? [place] : [] };
    }
    case 'command':
      return { password: { command: await askUntil(io, 'Command that prints it', undefined, notEmpty) }, files: [] };
    case 'env': {
      return { password: `\${${await askUntil(io, 'Name of the variable', 'CAIRN_PASSWORD', isVariable)}}`, files: [] };
    }
    default:
      return { password: undefined, files: [] };
  }
}

async function askSource(io: Interviewer, vault: string, context: InterviewContext): Promise<ConfigEdit[]> {
  const answer = await io.ask('Folders to back up, with commas between them (empty: none now)');
  const paths = answer
    .split(',')
    .map((path) => path.trim())
    .filter((path) => path !== '')
    .map((path) => typedPath(path, context));
  const [first] = paths;
  if (first === undefined) return [];
  const plans = fieldsAt(context.current, 'plans');
  const usable = basename(resolve(context.home, first))
    .replaceAll(/[^\w.-]/g, '_')
    .replace(/^[.-]+/, '');
  const source = await askUntil(io, 'Name of these', usable === '' ? 'files' : usable, checkName);
  const edits = [{ path: ['sources', source], value: { type: 'files', paths } }];
  const isFree = (name: string): string | undefined =>
    checkName(name) ?? (name === source ? 'It has to differ from the name of the source.' : undefined);
  const plan = await askUntil(io, 'Name of the plan that backs them up', 'nightly', isFree);
  const known = fieldsAt(plans, plan);
  const keep = await askKeep(io, fieldsAt(known, 'keep'));
  return [
    ...edits,
    { path: ['plans', plan, 'sources'], value: [source] },
    { path: ['plans', plan, 'vault'], value: vault },
    ...(keep === undefined ? [] : [{ path: ['plans', plan, 'keep'], value: keep }]),
  ];
}

/** As bakthat asks: days, weeks, months, and the day on which a week begins. */
async function askKeep(io: Interviewer, known: Fields): Promise<object | undefined> {
  if (!(await io.confirm('Remove older backups after each run, by rotation?'))) return undefined;
  const count = async (unit: string, otherwise: number): Promise<number> =>
    Number(
      await askUntil(
        io,
        `${unit} to keep one backup of each`,
        `${numberOf(known[unit.toLowerCase()]) ?? otherwise}`,
        isCount,
      ),
    );
  const days = await count('Days', 7);
  const weeks = await count('Weeks', 6);
  const months = await count('Months', 6);
  if (days + weeks + months === 0) {
    io.say('That would keep nothing, so nothing will be removed.');
    return undefined;
  }
  const day = await askUntil(io, 'First day of a week', textOf(known['firstWeekday']) ?? 'saturday', (text) =>
    weekdays.some((name) => name === text.toLowerCase()) ? undefined : `It is one of ${weekdays.join(', ')}.`,
  );
  return { days, weeks, months, firstWeekday: day.toLowerCase() };
}

type Check = (text: string) => string | undefined;

async function askUntil(io: Interviewer, question: string, current: string | undefined, check: Check): Promise<string> {
  for (;;) {
    const answer = await io.ask(question, current);
    const problem = check(answer);
    if (problem === undefined) return answer;
    io.say(problem);
  }
}

const notEmpty: Check = (text) => (text === '' ? 'An answer is needed.' : undefined);
const isVariable: Check = (text) => (/^[A-Za-z_]\w*$/.test(text) ? undefined : 'That is no name of a variable.');
const isCount: Check = (text) => (/^\d{1,6}$/.test(text) ? undefined : 'It is a whole number, or 0 for none.');
const checkName: Check = (text) =>
  /^[A-Za-z0-9_][\w.-]*$/.test(text) ? undefined : 'A name has letters, digits, `_`, `-` and `.` only.';

function checkUrl(text: string): string | undefined {
  if (text === '') return 'An answer is needed.';
  try {
    parseStorageUrl(text);
    return undefined;
  } catch (error) {
    return `${messageOf(error)}.`;
  }
}

function absolute(path: string, folder: string, home: string): string {
  return path.startsWith('~/') ? resolve(home, path.slice(2)) : resolve(folder, path);
}

/** A typed path as the file can have it: absolute, unless the file is in the folder where it was typed. */
function typedPath(path: string, { file, cwd }: InterviewContext): string {
  return path.startsWith('~/') || resolve(dirname(file)) === resolve(cwd) ? path : resolve(cwd, path);
}

/** Whether it is a plain path, which a file would take as relative to itself. */
function isPath(url: string): boolean {
  return parseStorageUrl(url).kind === 'local' && !/^(?:local|file):/i.test(url);
}

function fieldsAt(value: unknown, key: string): Fields {
  const inner = isFields(value) ? value[key] : undefined;
  return isFields(inner) ? inner : {};
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
