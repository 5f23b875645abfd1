import { CairnError } from '../../../base/errors.ts';

// Enough of XML for the answers of S3: elements and text. Attributes are passed over, entities other than the five
// of XML and character references are refused, and so is a document type, by which entities could be defined.

export interface XmlElement {
  readonly name: string;
  /** Text of the element itself, without that of elements in it. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const DEEPEST = 20;
// A comment, a CDATA section, an instruction, a declaration, or a tag. Namespace prefixes are dropped.
const MARKUP =
  /<(?:!--[\s\S]*?--|!\[CDATA\[(?<cdata>[\s\S]*?)\]\]|\?[\s\S]*?\?|(?<declaration>![^>]*)|(?<close>\/)?(?:[\w.-]+:)?(?<name>[\w.-]+)(?:\s[^<>]*?)?(?<empty>\/)?)>/gu;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

interface Open {
  readonly name: string;
  text: string;
  readonly children: Open[];
}

/** The root element of a document. Throws `FORMAT_INVALID` for what is no document of this kind. */
export function parseXml(document: string): XmlElement {
  const top: Open = { name: '', text: '', children: [] };
  const open: Open[] = [top];
  let end = 0;
  for (const match of document.matchAll(MARKUP)) {
    addText(open, document.slice(end, match.index));
    end = match.index + match[0].length;
    apply(open, match.groups ?? {});
  }
  addText(open, document.slice(end));
  const [root] = top.children;
  if (open.length !== 1 || root === undefined || top.children.length !== 1) throw invalid('not one element');
  if (top.text.trim().replace(/^\u{feff}/u, '') !== '') throw invalid('text outside of elements');
  return root;
}

function apply(open: Open[], { cdata, declaration, close, name, empty }: Record<string, string | undefined>): void {
  const current = open.at(-1);
  if (current === undefined) throw invalid('elements that do not match');
  if (cdata !== undefined) current.text += cdata;
  if (declaration !== undefined) throw invalid('a declaration');
  if (name === undefined) return;
  if (close !== undefined) {
    if (current.name !== name || open.length === 1) throw invalid(`</${name}> without its beginning`);
    open.pop();
    return;
  }
  const element: Open = { name, text: '', children: [] };
  current.children.push(element);
  if (empty !== undefined) return;
  open.push(element);
  if (open.length > DEEPEST) throw invalid('elements too deep in each other');
}

function addText(open: readonly Open[], text: string): void {
  const current = open.at(-1);
  if (current === undefined || text === '') return;
  if (text.includes('<')) throw invalid('a tag that is not closed');
  current.text += text.replaceAll(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/giu, (_, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name)] ?? fail(`the entity ${String(name)}`);
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : fail('a character that does not exist');
  });
}

function fail(what: string): never {
  throw invalid(what);
}

function invalid(what: string): CairnError {
  return new CairnError('FORMAT_INVALID', `not the XML of an S3 server: ${what}`);
}

/** The first child of that name. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

/** All children of that name. */
export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/** Text of the first child of that name. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return childOf(element, name)?.text;
}

/** Text as the content of an element. */
export function escapeXml(text: string): string {
  // What is neither markup nor printable would not come through a parser as it is.
  return text.replaceAll(/[<>&"']|[^ -~]/gu, (character) => `&#${character.codePointAt(0)};`);
}
