import { expect, it } from 'vitest';
import { resticHint } from './restic-words.ts';

it.each([
  ["unknown option '--read-data-subset=5%'", '--read-data='],
  ["unknown option '-r'", '--vault'],
  ["unknown option '--target'\n(Did you mean --tag?)", '--to DIR'],
  ["unknown option '-o'", 'address'],
  ["unknown option '--no-extra-verify'", '--no-verify-writes'],
  ["unknown option '--cacert'", 'CAIRN_CACERT'],
  ["unknown command 'version'", 'cairn --version'],
  ["unknown command 'rebuild-index'", 'cairn repair index'],
])('tells how to say what restic calls otherwise: %s', (message, words) => {
  expect(resticHint(message)).toContain(words);
});

it.each(["unknown option '--nonsense'", "unknown command 'nonsense'", 'a command is needed', "unknown option '--'"])(
  'has nothing to say of %s',
  (message) => {
    expect(resticHint(message)).toBeUndefined();
  },
);
