/** What a finding is about. Those named in `hintKinds` are harmless; all others are damage. */
export type FindingKind =
  | 'key-damaged'
  | 'lock-damaged'
  | 'snapshot-damaged'
  | 'index-damaged'
  | 'index-conflict'
  | 'index-repeated'
  | 'pack-missing'
  | 'pack-size'
  | 'pack-damaged'
  | 'pack-orphan'
  | 'pack-mixed'
  | 'blob-missing'
  | 'blob-damaged'
  | 'tree-damaged'
  | 'tree-name'
  | 'archive-leftover'
  | 'archive-missing'
  | 'archive-unknown'
  | 'archive-damaged'
  | 'archive-unopened'
  // of the shelves beside the repository
  | 'value-damaged'
  | 'value-leftover'
  | 'value-unknown';

export interface Finding {
  readonly severity: 'error' | 'hint';
  readonly kind: FindingKind;
  /** The object it is in: `snapshots/<id>`, `data/ab/<id>`, `tree <id>`, … */
  readonly object: string;
  readonly message: string;
}

const hintKinds: ReadonlySet<FindingKind> = new Set([
  'index-repeated',
  'pack-orphan',
  'pack-mixed',
  'archive-leftover',
  'archive-unknown',
  'archive-unopened',
  'value-leftover',
  'value-unknown',
]);

export function makeFinding(kind: FindingKind, object: string, message: string): Finding {
  return { severity: hintKinds.has(kind) ? 'hint' : 'error', kind, object, message };
}

const MAX_FINDINGS = 10_000;

/** Where findings go. The same finding is told once; of more than 10,000 only the number is kept. */
export class FindingList {
  readonly findings: Finding[] = [];
  #omitted = 0;
  readonly #seen = new Set<string>();
  #onFinding: ((finding: Finding) => void) | undefined;

  constructor(onFinding?: (finding: Finding) => void) {
    this.#onFinding = onFinding;
  }

  /** Tells what is in the list already, and what comes. */
  tellTo(onFinding: ((finding: Finding) => void) | undefined): void {
    this.#onFinding = onFinding;
    for (const finding of this.findings) onFinding?.(finding);
  }

  add(kind: FindingKind, object: string, message: string): void {
    this.addAll([makeFinding(kind, object, message)]);
  }

  addAll(findings: Iterable<Finding>): void {
    for (const finding of findings) {
      if (this.findings.length === MAX_FINDINGS) {
        this.#omitted++;
        continue;
      }
      const key = `${finding.kind} ${finding.object} ${finding.message}`;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.findings.push(finding);
      this.#onFinding?.(finding);
    }
  }

  /** Findings beyond those in the list. */
  get omitted(): number {
    return this.#omitted;
  }

  get hasErrors(): boolean {
    return this.#omitted > 0 || this.findings.some(({ severity }) => severity === 'error');
  }
}
