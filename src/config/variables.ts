// `${NAME}` and `${NAME:-otherwise}` in the text of a configuration; `$${` is a literal `${`. No other `${` is let pass:
// a mistyped `${NAME` would be taken for its own text, and be the password.

const VARIABLE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

/** The issue of a text with a `${` that begins no variable. */
export const MALFORMED =
  'has a ${ that begins no variable; write ${NAME} or ${NAME:-otherwise}, and $${ for the two characters';

/** `text` escaped, so that nothing in it is a variable. */
export function literal(text: string): string {
  return text.replaceAll('${', '$$$${');
}

/** Whether anything in `text` is to be replaced. */
export function hasVariables(text: string): boolean {
  return text.includes('${');
}

/** Whether every `${` in `text` begins a variable; the part behind `:-` must hold none. */
export function isWellFormed(text: string): boolean {
  return [...text.matchAll(VARIABLE)].every(
    ([match, name, otherwise = '']) => (match === '$${' || name !== undefined) && !hasVariables(otherwise),
  );
}

/** Whether `text` says something of its own where a variable is not set: `${NAME:-otherwise}`, or no variable at all. */
export function holdsPlainText(text: string): boolean {
  const variables = [...text.matchAll(VARIABLE)].filter(([, name]) => name !== undefined);
  return variables.length === 0 || variables.some(([, , otherwise]) => otherwise !== undefined && otherwise !== '');
}

export interface ExpandedText {
  readonly text: string;
  /** Variables that are not set. */
  readonly missing: readonly string[];
  /** Variables that are set to nothing, and have no `otherwise`. */
  readonly empty: readonly string[];
}

/** Variables replaced. An empty one counts as set, unless it has an `otherwise`. */
export function expandVariables(text: string, env: NodeJS.ProcessEnv): ExpandedText {
  const missing = new Set<string>();
  const empty = new Set<string>();
  const expanded = text.replaceAll(VARIABLE, (match, name: string | undefined, otherwise: string | undefined) => {
    if (name === undefined) return match === '$${' ? '${' : match;
    const value = env[name];
    if (otherwise !== undefined && (value === undefined || value === '')) return otherwise;
    if (value === undefined) missing.add(name);
    else if (value === '') empty.add(name);
    return value ?? match;
  });
  return { text: expanded, missing: [...missing], empty: [...empty] };
}

/** What is wrong where variables are missing. */
export function describeMissing(missing: readonly string[]): string {
  return `${subjectOf(missing)} not set`;
}

/** What is wrong where variables are empty in what may not be. */
export function describeEmpty(empty: readonly string[]): string {
  const [first = ''] = empty;
  return `${subjectOf(empty)} empty; write \${${first}:-} where that is meant`;
}

function subjectOf(names: readonly string[]): string {
  return `the environment variable${names.length > 1 ? 's' : ''} ${names.join(', ')} ${names.length > 1 ? 'are' : 'is'}`;
}
