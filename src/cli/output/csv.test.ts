import { expect, it } from 'vitest';
import { writeCsv } from './csv.ts';

it('quotes what needs quotes, and ends each line as RFC 4180 wants', async () => {
  let text = '';
  const write = (part: string): Promise<void> => {
    text += part;
    return Promise.resolve();
  };
  await writeCsv(
    write,
    ['a', 'b "c"'],
    [
      ['1,2', 'line\nbreak'],
      ['', 'plain'],
    ],
  );
  expect(text).toBe('a,"b ""c"""\r\n"1,2","line\nbreak"\r\n,plain\r\n');
});
