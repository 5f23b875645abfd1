// What this machine asked for from the cold, so that a later run knows since when it waits. The storage itself says
// what is under way; this only adds when it was asked for, and how. It may be lost or damaged without harm.
import { utf8 } from '../../base/bytes.ts';
import type { ObjectName, RetrievalTier, Storage, StorageOptions } from '../storage.ts';

const FILE = 'retrievals.json';
const SCHEMA = 1;
const DAY_MS = 86_400_000;
/** Remembered for longer than its copy can stay: S3 rounds up to midnight, and a retrieval takes up to two days. */
const GRACE_DAYS = 4;

export interface LedgerEntry {
  readonly askedAtMs: number;
  readonly tier: RetrievalTier;
  readonly days: number;
}

/** The requests of earlier runs. */
export class RetrievalLedger {
  readonly #folder: Storage | undefined;
  #entries: Map<ObjectName, LedgerEntry>;

  private constructor(folder: Storage | undefined, entries: Map<ObjectName, LedgerEntry>) {
    this.#folder = folder;
    this.#entries = entries;
  }

  /** `folder` is one of this machine; without one nothing is remembered. */
  static async open(
    folder: Storage | undefined,
    nowMs: number,
    options: StorageOptions = {},
  ): Promise<RetrievalLedger> {
    return new RetrievalLedger(folder, await load(folder, nowMs, options));
  }

  get(name: ObjectName): LedgerEntry | undefined {
    return this.#entries.get(name);
  }

  /** Remembers requests durably, beside those that other processes noted meanwhile. */
  async add(names: readonly ObjectName[], entry: LedgerEntry, options: StorageOptions = {}): Promise<void> {
    for (const name of names) this.#entries.set(name, entry);
    if (this.#folder === undefined || names.length === 0) return;
    const theirs = await load(this.#folder, entry.askedAtMs, options);
    for (const [name, known] of theirs) if (!this.#entries.has(name)) this.#entries.set(name, known);
    const document = { schema: SCHEMA, retrievals: Object.fromEntries(this.#entries) };
    await this.#folder.create(options);
    await this.#folder.write(FILE, utf8(`${JSON.stringify(document)}\n`), options);
  }
}

async function load(
  folder: Storage | undefined,
  nowMs: number,
  options: StorageOptions,
): Promise<Map<ObjectName, LedgerEntry>> {
  const entries = new Map<ObjectName, LedgerEntry>();
  if (folder === undefined) return entries;
  for (const [name, value] of Object.entries(await readDocument(folder, options))) {
    const entry = parseEntry(value);
    if (entry === undefined) continue;
    if (entry.askedAtMs + (entry.days + GRACE_DAYS) * DAY_MS > nowMs) entries.set(name, entry);
  }
  return entries;
}

async function readDocument(folder: Storage, options: StorageOptions): Promise<object> {
  try {
    const text = Buffer.from(await folder.read(FILE, options)).toString();
    const document: unknown = JSON.parse(text);
    if (!isObject(document) || !('schema' in document) || document.schema !== SCHEMA) return {};
    return 'retrievals' in document && isObject(document.retrievals) ? document.retrievals : {};
  } catch {
    options.signal?.throwIfAborted();
    // Not there, or damaged: as good as empty.
    return {};
  }
}

function parseEntry(value: unknown): LedgerEntry | undefined {
  if (!isObject(value) || !('askedAtMs' in value) || !('tier' in value) || !('days' in value)) return undefined;
  const { askedAtMs, tier, days } = value;
  if (typeof askedAtMs !== 'number' || typeof days !== 'number') return undefined;
  if (tier !== 'expedited' && tier !== 'standard' && tier !== 'bulk') return undefined;
  return { askedAtMs, tier, days };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
