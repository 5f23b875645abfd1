// Completion scripts for four shells, made from the tree of commands.

export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

export interface OptionWords {
  readonly names: readonly string[];
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly summary: string;
}

export interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionWords[];
  readonly commands: readonly CommandWords[];
}

export function completionScript(shell: Shell, root: CommandWords): string {
  switch (shell) {
    case 'bash':
      return bashScript(root);
    case 'zsh':
      return zshScript(root);
    case 'fish':
      return fishScript(root);
    case 'powershell':
      return powershellScript(root);
    default:
      return shell satisfies never;
  }
}

interface Level {
  /** Words from the program down: `cairn key`. */
  readonly path: string;
  readonly words: CommandWords;
}

/** A command and all below it. */
function levels(words: CommandWords, parent = ''): Level[] {
  const path = parent === '' ? words.name : `${parent} ${words.name}`;
  return [{ path, words }, ...words.commands.flatMap((command) => levels(command, path))];
}

function optionNames({ options }: CommandWords): string[] {
  return [...options.flatMap((option) => option.names), '-h', '--help'];
}

function bashScript(root: CommandWords): string {
  const global = optionNames(root);
  const cases = levels(root).map(({ path, words }) => {
    const candidates = [...words.commands.map((command) => command.name), ...optionNames(words)];
    const all = path === root.name ? candidates : [...candidates, ...global];
    return `    '${path}') words='${[...new Set(all)].join(' ')}' ;;`;
  });
  const known = levels(root).map(({ path }) => `'${path}'`);
  const withCommands = levels(root)
    .filter(({ words }) => words.commands.length > 0)
    .map(({ path }) => `"$path" == '${path}'`);
  const valued = levels(root).flatMap(({ words }) => words.options.filter((option) => option.takesValue));
  const choices = valued
    .filter((option) => option.choices.length > 0)
    .map(
      (option) =>
        `    ${option.names.join('|')}) COMPREPLY=($(compgen -W '${option.choices.join(' ')}' -- "$current")); return ;;`,
    );
  const files = [...new Set(valued.filter((option) => option.choices.length === 0).flatMap((option) => option.names))];
  return `# bash completion for cairn
_cairn() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path='${root.name}' words='' at
  case "$previous" in
${choices.join('\n')}
    ${files.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "$path \${COMP_WORDS[at]}" in
      ${known.join('|')}) path="$path \${COMP_WORDS[at]}" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  if [[ "$current" == -* || ${withCommands.join(' || ')} ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _cairn cairn
`;
}

function zshQuote(text: string): string {
  return text.replace(/[\\'[\]:`$"]/g, (character) => (character === "'" ? "'\\''" : `\\${character}`));
}

function zshScript(root: CommandWords): string {
  const specs = (words: CommandWords): string[] =>
    [...words.options, ...(words === root ? [] : root.options)].flatMap((option) =>
      option.names.map((name) => {
        const values = option.choices.length > 0 ? `:value:(${option.choices.join(' ')})` : ':value:_files';
        return `'${name}[${zshQuote(option.summary)}]${option.takesValue ? values : ''}'`;
      }),
    );
  const commands = root.commands.map((command) => `    '${command.name}:${zshQuote(command.summary)}'`);
  const cases = root.commands.map((command) => {
    const nested = command.commands.map((inner) => inner.name);
    const first = nested.length > 0 ? `'1:command:(${nested.join(' ')})' ` : '';
    return `    ${command.name}) _arguments -s ${first}${specs(command).join(' ')} '*:file:_files' ;;`;
  });
  return `#compdef cairn
_cairn() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  local at command=''
  for ((at = 2; at < CURRENT; at++)); do
    if (( \${commands[(I)\${words[at]}:*]} )); then
      command="\${words[at]}"
      shift $((at - 1)) words
      (( CURRENT -= at - 1 ))
      break
    fi
  done
  case "$command" in
    '') _describe 'command' commands; _arguments -s ${specs(root).join(' ')} ;;
${cases.join('\n')}
  esac
}
_cairn "$@"
`;
}

function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function fishScript(root: CommandWords): string {
  const lines = ['# fish completion for cairn', 'complete -c cairn -f -n __fish_use_subcommand'];
  const add = (condition: string, option: OptionWords): void => {
    const names = option.names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
    const values = option.choices.length > 0 ? ` -x -a ${fishQuote(option.choices.join(' '))}` : ' -r';
    lines.push(
      `complete -c cairn${condition} ${names.join(' ')}${option.takesValue ? values : ''} -d ${fishQuote(option.summary)}`,
    );
  };
  for (const option of root.options) add('', option);
  for (const command of root.commands) {
    lines.push(`complete -c cairn -n __fish_use_subcommand -a ${command.name} -d ${fishQuote(command.summary)}`);
    const inside = ` -n '__fish_seen_subcommand_from ${command.name}'`;
    for (const option of command.options) add(inside, option);
    for (const inner of command.commands)
      lines.push(`complete -c cairn${inside} -a ${inner.name} -d ${fishQuote(inner.summary)}`);
  }
  return `${lines.join('\n')}\n`;
}

function powershellScript(root: CommandWords): string {
  const global = optionNames(root);
  const rows = levels(root).map(({ path, words }) => {
    const candidates = [
      ...new Set([...words.commands.map((command) => command.name), ...optionNames(words), ...global]),
    ];
    return `    '${path}' = @(${candidates.map((word) => `'${word}'`).join(', ')})`;
  });
  return `# PowerShell completion for cairn
Register-ArgumentCompleter -Native -CommandName cairn -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @{
${rows.join('\n')}
  }
  $path = '${root.name}'
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    $next = "$path $element"
    if ($words.ContainsKey($next)) { $path = $next }
  }
  $words[$path] | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
