import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents, root, textOf } from './documents.ts';

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/gu, '-');
}

function anchorsIn(path: string): readonly string[] {
  return [...textOf(path).matchAll(/^#+ (.+)$/gmu)].map(([, heading = '']) => anchorOf(heading));
}

function broken(document: string): readonly string[] {
  const links = [
    ...textOf(document)
      .replaceAll(/^```.*?^```/gmsu, '')
      .matchAll(/\]\(([^)\s]+)\)/gu),
  ].map(([, to = '']) => to);
  return links.filter((link) => {
    if (/^(?:https?|mailto):/u.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? document : join(dirname(document), path);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && target.endsWith('.md') && !anchorsIn(target).includes(anchor);
  });
}

describe('links of documents', () => {
  it.each(documents)('lead somewhere: %s', (document) => {
    expect(broken(document)).toEqual([]);
  });

  it('lead to every guide from the index of guides', () => {
    const index = textOf('docs/guides/README.md');
    const guides = documents.filter((path) => /^docs\/guides\/(?!README)/u.test(path));
    expect(guides.filter((path) => !index.includes(`](${path.slice('docs/guides/'.length)})`))).toEqual([]);
  });
});
