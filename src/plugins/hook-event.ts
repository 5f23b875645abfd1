// What the command of a hook is told: a few facts in its environment, for a line of shell, and all of them as JSON on
// standard input. Options are chosen one by one, since some hold secrets, functions or streams.
import { isCairnError, messageOf } from '../base/errors.ts';
import type { BeforeEvent, DoneEvent, FailedEvent, VaultEventName } from '../vault/vault-events.ts';

export type HookedEvent = BeforeEvent | DoneEvent | FailedEvent;

/** The event as a document. */
export function hookDocument(name: VaultEventName, event: HookedEvent): Readonly<Record<string, unknown>> {
  const { action, sessionId, vaultUrl } = event;
  const about = { schema: 1, event: name, action, sessionId, vaultUrl, status: statusOf(event) };
  if ('options' in event) return { ...about, options: plainOptions(event.options) };
  if ('error' in event) return { ...about, durationMs: event.durationMs, error: plainError(event.error) };
  return { ...about, durationMs: event.durationMs, result: plain(event.result) };
}

/** The variables of the command, beside those of this process. */
export function hookEnvironment(name: VaultEventName, event: HookedEvent): Record<string, string> {
  const { action, sessionId, vaultUrl } = event;
  const facts: Record<string, unknown> = {
    EVENT: name,
    ACTION: action,
    SESSION_ID: sessionId,
    VAULT_URL: vaultUrl,
    STATUS: statusOf(event),
  };
  if ('durationMs' in event) facts['DURATION_MS'] = event.durationMs;
  if ('options' in event) Object.assign(facts, nameFacts(plainOptions(event.options)));
  if ('result' in event) {
    const { result } = event;
    // A guard and a restore are about a backup, the others are one or are about several.
    Object.assign(facts, backupFacts('backup' in result ? result.backup : result));
  }
  if ('error' in event) {
    facts['ERROR'] = messageOf(event.error);
    facts['ERROR_CODE'] = isCairnError(event.error) ? event.error.code : undefined;
  }
  const entries = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [`CAIRN_${key}`, variable(String(value))]));
}

// Linux starts no program with one longer than 128 KiB; the whole text is on standard input.
const MAX_VARIABLE_CHARACTERS = 8192;

/** No variable can hold a NUL. */
function variable(text: string): string {
  return text.replaceAll('\0', '').slice(0, MAX_VARIABLE_CHARACTERS);
}

/** `begins`, then `failed` or what the result says, such as `partial` or `damaged`. */
function statusOf(event: HookedEvent): string {
  if ('options' in event) return 'begins';
  if ('error' in event) return 'failed';
  const { result } = event;
  // A check that found damage went well, and so did a copy that left a backup out: whoever asks only this shall know.
  if ('isGood' in result) return result.isGood ? 'complete' : 'damaged';
  if ('copies' in result) return result.copies.some(({ outcome }) => outcome === 'failed') ? 'partial' : 'complete';
  return 'status' in result ? result.status : 'complete';
}

function nameFacts({ name, reference, tags }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    BACKUP_NAME: typeof name === 'string' ? name : undefined,
    REFERENCE: typeof reference === 'string' ? reference : undefined,
    TAGS: Array.isArray(tags) ? tags.join(',') : undefined,
  };
}

/** The variables of a result that is a backup. */
function backupFacts(result: object): Record<string, unknown> {
  const { id, name, time, tags } = result as Partial<Record<'id' | 'name' | 'time' | 'tags', unknown>>;
  return {
    BACKUP_ID: typeof id === 'string' ? id : undefined,
    BACKUP_NAME: typeof name === 'string' ? name : undefined,
    BACKUP_TIME: time instanceof Date ? time.toISOString() : undefined,
    TAGS: Array.isArray(tags) ? tags.join(',') : undefined,
  };
}

const tellable = 'name tags time host reference references to source label change target'.split(' ');

function plainOptions(options: object): Readonly<Record<string, unknown>> {
  const known = Object.entries(options).filter(([key]) => tellable.includes(key));
  const pairs = known.map(([key, value]) => [key, key === 'source' ? plainSource(value) : plain(value)] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

/** Paths, or the type of a source; arguments of a command may hold secrets. */
function plainSource(source: unknown): unknown {
  if (typeof source === 'string' || Array.isArray(source)) return { type: 'files', targets: [source].flat() };
  if (typeof source !== 'object' || source === null || !('type' in source)) return { type: 'stream' };
  const { type } = source;
  if ('targets' in source) return { type, targets: source.targets };
  return 'of' in source ? { type, of: source.of } : { type };
}

function plainError(error: unknown): object {
  if (!isCairnError(error)) return { code: null, message: messageOf(error) };
  return { code: error.code, message: error.message, hint: error.hint ?? null };
}

/** A copy that JSON can hold: dates as text, big numbers as text, no functions. */
function plain(value: unknown): unknown {
  if (value === undefined) return undefined;
  const text = JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
  return text === undefined ? undefined : JSON.parse(text);
}
