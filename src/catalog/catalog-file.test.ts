import { expect, it } from 'vitest';
import { defaultCatalogFile } from './catalog-file.ts';

it.each([
  [{ CAIRN_CATALOG: '/here/c.db', XDG_DATA_HOME: '/data', HOME: '/home/ana' }, '/here/c.db'],
  [{ CAIRN_CATALOG: '', XDG_DATA_HOME: '/data', HOME: '/home/ana' }, '/data/cairn/catalog.sqlite'],
  [{ XDG_DATA_HOME: 'relative', HOME: '/home/ana' }, '/home/ana/.local/share/cairn/catalog.sqlite'],
  [{ HOME: '/home/ana' }, '/home/ana/.local/share/cairn/catalog.sqlite'],
])('with %j the catalog is %s', (env, file) => {
  expect(defaultCatalogFile(env)).toBe(file);
});
