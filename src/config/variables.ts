// `${NAME}` and `${NAME:-otherwise}` in the text of a configuration; `$${` is a literal `${`.

const VARIABLE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** Whether anything in `text` is to be replaced. */
export function hasVariables(text: string): boolean {
  return text.includes('${');
}

/** Variables replaced; `missing` are those that are not set. An empty one counts as set, unless it has an `otherwise`. */
export function expandVariables(
  text: string,
  env: NodeJS.ProcessEnv,
): { readonly text: string; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const expanded = text.replaceAll(VARIABLE, (match, name: string | undefined, otherwise: string | undefined) => {
    if (name === undefined) return '${';
    const value = env[name];
    if (otherwise !== undefined && (value === undefined || value === '')) return otherwise;
    if (value !== undefined) return value;
    missing.push(name);
    return match;
  });
  return { text: expanded, missing: [...new Set(missing)] };
}

/** What is wrong where variables are missing. */
export function describeMissing(missing: readonly string[]): string {
  const names = missing.join(', ');
  return `the environment variable${missing.length > 1 ? 's' : ''} ${names} ${missing.length > 1 ? 'are' : 'is'} not set`;
}
