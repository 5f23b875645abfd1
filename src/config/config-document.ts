// YAML with positions. Only plain data comes out: tags are refused, never resolved, and aliases may not multiply.
import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { messageOf } from '../base/errors.ts';
import { configError, type ConfigIssue, type ConfigPath, type ConfigPosition } from './config-issue.ts';

/** A file that a person wrote is far smaller; what is larger is something else. */
const MAX_BYTES = 256 * 1024;
/** Brackets that may be open at once; the parser goes as deep, and slowly. Those in text count too, which no file notices. */
const MAX_OPEN = 100;
/** Those behind the first ones mostly come from it. */
const MAX_SYNTAX_ISSUES = 10;
/** How much data aliases may stand for, as the library counts it. */
const MAX_ALIASES = 100;
const SAFE_TAGS = new Set([
  'tag:yaml.org,2002:str',
  'tag:yaml.org,2002:int',
  'tag:yaml.org,2002:float',
  'tag:yaml.org,2002:bool',
  'tag:yaml.org,2002:null',
  'tag:yaml.org,2002:map',
  'tag:yaml.org,2002:seq',
]);

/** A parsed file: its plain value, and where each part of it stands. */
export interface ConfigDocument {
  readonly file: string;
  /** Maps, lists, text, numbers, booleans and null only. */
  readonly value: unknown;
  /** Where the value at `path` stands, or `undefined` where it is not in the file. */
  readonly positionOf: (path: ConfigPath) => ConfigPosition | undefined;
}

/** Throws `CONFIG_INVALID` with every fault of the syntax. */
export function parseConfigDocument(file: string, text: string): ConfigDocument {
  if (text.length > MAX_BYTES) {
    throw configError(file, [
      { path: [], message: 'is larger than 256 KiB, so it is no configuration', position: undefined },
    ]);
  }
  if (isTooDeep(text)) {
    throw configError(file, [{ path: [], message: `has more than ${MAX_OPEN} open brackets`, position: undefined }]);
  }
  const lines = new LineCounter();
  const document = parseSyntax(file, text, lines);
  const issues = [...syntaxIssues(document, lines), ...nodeIssues(document, lines)];
  if (issues.length > 0) throw configError(file, issues);
  return { file, value: plainValue(file, document), positionOf: (path) => positionOf(document, lines, path) };
}

function isTooDeep(text: string): boolean {
  let open = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    open = Math.max(0, open + (bracket === '[' || bracket === '{' ? 1 : -1));
    if (open > MAX_OPEN) return true;
  }
  return false;
}

function parseSyntax(file: string, text: string, lines: LineCounter): Document {
  try {
    return parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'silent' });
  } catch (error) {
    // Brackets in brackets without end exhaust the stack.
    throw configError(file, [{ path: [], message: `cannot be read: ${messageOf(error)}`, position: undefined }]);
  }
}

function syntaxIssues(document: Document, lines: LineCounter): ConfigIssue[] {
  return document.errors
    .slice(0, MAX_SYNTAX_ISSUES)
    .map(({ message, pos }) => ({ path: [], message, position: at(lines, pos[0]) }));
}

/** Tags, and keys that are there twice: the library's own test of them compares each with each. */
function nodeIssues(document: Document, lines: LineCounter): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const checkTag = (node: Scalar | YAMLMap | YAMLSeq): void => {
    if (node.tag === undefined || SAFE_TAGS.has(node.tag)) return;
    const message = `the tag ${node.tag.slice(0, 80)} is not allowed: a configuration is plain data`;
    issues.push({ path: [], message, position: at(lines, node.range?.[0] ?? 0) });
  };
  visit(document, {
    Scalar: (_, node) => checkTag(node),
    Seq: (_, node) => checkTag(node),
    Map: (_, node) => {
      checkTag(node);
      const { items } = node;
      const seen = new Set<string>();
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : '';
        if (isScalar(key) && seen.has(name)) {
          issues.push({ path: [name], message: 'is there twice', position: at(lines, key.range?.[0] ?? 0) });
        }
        seen.add(name);
      }
    },
  });
  return issues;
}

function plainValue(file: string, document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw configError(file, [{ path: [], message: `cannot be read: ${messageOf(error)}`, position: undefined }]);
  }
}

/** The key of a map entry, the item of a list. */
function positionOf(document: Document, lines: LineCounter, path: ConfigPath): ConfigPosition | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined = isNode(node) ? node.range?.[0] : undefined;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : key) === String(part));
      if (!isPair(pair)) return undefined;
      offset = isNode(pair.key) ? pair.key.range?.[0] : undefined;
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      if (!isNode(node)) return undefined;
      offset = node.range?.[0];
    } else return undefined;
  }
  return offset === undefined ? undefined : at(lines, offset);
}

function at(lines: LineCounter, offset: number): ConfigPosition {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
