import { utf8Lossy } from '../../base/bytes.ts';
import { Secret } from '../../base/secret.ts';

const REDACTED = '[redacted]';

/** Shorter secrets are replaced as whole words only: inside of words they would take ordinary text apart. */
const SHORTEST_ANYWHERE = 4;
const SHORTEST_LINE = 8;

/** What looks like a secret, whoever it belongs to. Repetitions are bounded: texts come from others, and may be long. */
const patterns: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/-----BEGIN [^-]*PRIVATE KEY-----[\s\S]*?(?:-----END [^-]*-----|$)/gu, REDACTED],
  [/AGE-SECRET-KEY-[0-9A-Z-]+/giu, REDACTED],
  // Userinfo of a URL: what follows the colon is the password. A password may hold `@`, so the last one before a
  // slash ends it. Without a colon it is a user name, except over HTTP, where services put tokens there.
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,200}):[^\s/]*@/giu, `$1:${REDACTED}@`],
  [/(https?:\/\/)[^\s/:@?#]+@/giu, `$1${REDACTED}@`],
  // Addresses that are keys themselves.
  [/(hooks\.slack\.com\/[a-z]+\/)[^\s"'<>]+/giu, `$1${REDACTED}`],
  [/(discord(?:app)?\.com\/api\/(?:v\d+\/)?webhooks\/)[^\s"'<>]+/giu, `$1${REDACTED}`],
  [/(\/bot)\d+:[\w-]+/gu, `$1${REDACTED}`],
  [/(authorization["']?\s*[:=]\s*["']?\w+)\s+[^\s"']+/giu, `$1 ${REDACTED}`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{20,}/giu, `$1 ${REDACTED}`],
  // But not MySQL's `(using password: YES)`. Else:
  // `password=…`, `"token": "…"`, `--api-key …`, `X-Amz-Signature=…`, `PGPASSWORD=…`.
  [
    /((?:password|passwd|passphrase|pwd|secret|token|signature|credential|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key)["']?\s*[=:]\s*)(?!(?:YES|NO)\))(?:"[^"]*"|'[^']*'|[^\s&;,"']+)/giu,
    `$1${REDACTED}`,
  ],
  [/((?<![\w-])--?[\w-]{0,40}(?:password|passwd|secret|token|key)\s+)[^\s-][^\s]*/giu, `$1${REDACTED}`],
  [/([?&](?:sig|key|auth)=)[^\s&#"']+/giu, `$1${REDACTED}`],
];

/** Takes secrets out of text: those that it was told of, in every form in which programs print them, and what looks like one. */
export class Redactor {
  readonly #known = new Set<string>();
  #expression: RegExp | undefined;

  constructor(secrets: Iterable<Secret | string> = []) {
    for (const secret of secrets) this.add(secret);
  }

  add(secret: Secret | string): void {
    const raw = typeof secret === 'string' ? secret : utf8Lossy(secret.reveal());
    // Also a line of it alone, as a program prints the first line of a key file; a short one says nothing.
    const lines = raw.split(/[\r\n]+/u).filter((line) => line.length >= SHORTEST_LINE);
    for (const text of [raw, ...lines].filter((part) => part.trim() !== '')) {
      for (const form of printedForms(text)) this.#known.add(form);
    }
    this.#expression = undefined;
  }

  /** The text without the secrets that were given; what merely looks like one stays. */
  knownOnly(text: string): string {
    return this.#known.size === 0 ? text : text.replace((this.#expression ??= this.#compile()), REDACTED);
  }

  text(text: string): string {
    let clean = this.knownOnly(text);
    for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement);
    return clean;
  }

  /** A copy of plain data in which every string is redacted; dates and numbers stay. */
  data<T>(value: T): T {
    // The copy has the shape of the original, which the compiler cannot follow through a recursion over any data.
    return this.#copy(value) as T;
  }

  #copy(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#copy(item));
    if (typeof value !== 'object' || value === null || value instanceof Date) return value;
    if (value instanceof Secret) return REDACTED;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.#copy(item)]));
  }

  #compile(): RegExp {
    // The longest first: one secret may hold another.
    const forms = [...this.#known].sort((a, b) => b.length - a.length);
    const parts = forms.map((form) => {
      const escaped = isLoose(form) ? looseForm(form) : escapeExpression(form);
      return form.length < SHORTEST_ANYWHERE ? `(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])` : escaped;
    });
    return new RegExp(parts.join('|'), 'gu');
  }
}

function escapeExpression(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
}

/** A whole key file would make an expression of megabytes; its lines are known by themselves. */
const LONGEST_LOOSE = 200;

function isLoose({ length }: string): boolean {
  return length >= SHORTEST_LINE && length <= LONGEST_LOOSE;
}

/** What programs put between the parts of something that is too long for a line. */
const FOLD = String.raw`(?:\\?\r?\n[ \t]{0,20})?`;

/** A form as programs print it that escape other characters than ours, or break lines: each character by itself. */
function looseForm(form: string): string {
  return Array.from(form, looseCharacter).join(FOLD);
}

function looseCharacter(character: string): string {
  const bytes = Array.from(Buffer.from(character, 'utf8'), (byte) => byte.toString(16).padStart(2, '0'));
  const units = Array.from({ length: character.length }, (_, at) =>
    character.charCodeAt(at).toString(16).padStart(4, '0'),
  );
  const ways = [
    escapeExpression(character),
    anyCase(bytes.map((byte) => `%${byte}`).join('')),
    ...(/[A-Za-z0-9]/u.test(character) ? [] : [String.raw`\\{1,3}${escapeExpression(character)}`]),
    units.map((unit) => String.raw`\\{1,3}u${anyCase(unit)}`).join(''),
    ...(entities[character] ?? []),
  ];
  return `(?:${ways.join('|')})`;
}

const entities: Readonly<Record<string, readonly string[]>> = {
  '&': ['&amp;'],
  '<': ['&lt;'],
  '>': ['&gt;'],
  '"': ['&quot;', '&#34;'],
  "'": ['&#39;', '&#x27;', '&apos;'],
};

/** An expression for hexadecimal digits in either case. */
function anyCase(text: string): string {
  return text.replace(/[a-f]/gu, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

/** A text as it may appear in a message: as it is, in a URL, in JSON, in Base64, in hexadecimal. */
function printedForms(text: string): Set<string> {
  const trimmed = text.trim();
  const forms = new Set([text, trimmed]);
  for (const form of [text, trimmed]) {
    // A lone surrogate has no form in a URL.
    if (form.isWellFormed()) {
      forms.add(encodeURIComponent(form));
      forms.add(encodeURI(form));
      forms.add(new URLSearchParams([['', form]]).toString().slice(1));
    }
    forms.add(JSON.stringify(form).slice(1, -1));
    const bytes = Buffer.from(form, 'utf8');
    if (bytes.length < SHORTEST_ANYWHERE) continue;
    forms.add(bytes.toString('base64').replace(/=+$/u, ''));
    forms.add(bytes.toString('base64url'));
    if (bytes.length < SHORTEST_LINE) continue;
    forms.add(bytes.toString('hex'));
    forms.add(bytes.toString('hex').toUpperCase());
    for (const encoding of ['base64', 'base64url'] as const) {
      for (const inside of base64Inside(bytes, encoding)) forms.add(inside);
    }
  }
  return forms;
}

/**
 * What a text becomes in Base64 between other bytes, such as a password behind its user name: the characters that
 * depend on the text alone.
 */
function base64Inside(bytes: Uint8Array, encoding: 'base64' | 'base64url'): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([new Uint8Array(before), bytes])
      .toString(encoding)
      .replace(/=+$/u, '');
    const shared = (before + bytes.length) % 3 === 0 ? 0 : 1;
    return text.slice(before === 0 ? 0 : before + 1, text.length - shared);
  });
}
