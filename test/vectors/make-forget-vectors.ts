// Makes the vectors of `forget/` by asking a real restic. Run: node test/vectors/make-forget-vectors.ts /path/to/restic
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { askRestic, type ForgetCase, type ForgetSnapshot } from '../support/forget-cases.ts';

const restic = process.argv[2];
if (restic === undefined) throw new Error('usage: node test/vectors/make-forget-vectors.ts RESTIC');

const at = (...times: readonly string[]): ForgetSnapshot[] => times.map((time) => ({ time }));

/** `count` times, `stepHours` apart, up to `end`, written in UTC. */
function series(end: string, count: number, stepHours: number): ForgetSnapshot[] {
  return Array.from({ length: count }, (_, i) => ({
    time: new Date(Date.parse(end) - i * stepHours * 3_600_000).toISOString().replace('.000Z', 'Z'),
  }));
}

const hourly = series('2024-03-02T05:30:00Z', 30, 1);
const daily = series('2025-01-10T23:59:59Z', 40, 24);
const years = at(
  '2015-02-28T12:00:00Z',
  '2016-02-29T12:00:00Z',
  '2017-12-31T23:00:00Z',
  '2018-01-01T00:30:00Z',
  '2020-02-29T00:00:00Z',
  '2020-12-31T12:00:00Z',
  '2021-01-03T12:00:00Z',
  '2021-01-04T12:00:00Z',
  '2024-02-29T23:59:59Z',
);
const summerTime = at(
  '2024-03-30T02:30:00+01:00',
  '2024-03-31T01:30:00+01:00',
  '2024-03-31T03:30:00+02:00',
  '2024-09-30T02:30:00+02:00',
  '2024-10-26T02:30:00+02:00',
  '2024-10-27T02:30:00+02:00',
  '2024-10-27T02:30:00+01:00',
  '2024-10-28T02:30:00+01:00',
);
const offsets = at(
  '2024-06-01T23:30:00-08:00',
  '2024-06-02T07:45:00Z',
  '2024-06-02T13:45:00+05:45',
  '2024-06-02T00:15:00+14:00',
  '2024-06-01T12:00:00-12:00',
);
const monthEnds = at(
  '2023-03-31T10:00:00Z',
  '2023-03-03T10:00:00Z',
  '2023-03-03T10:00:00.000000001Z',
  '2023-03-02T10:00:00Z',
  '2023-02-28T10:00:00Z',
);
const leapEnds = at('2024-03-31T10:00:00Z', '2024-03-02T10:00:00Z', '2024-03-02T10:00:01Z', '2024-03-01T10:00:00Z');
const future = [...series('2023-05-05T05:00:00Z', 6, 24), ...at('2199-01-01T00:00:00Z', '2199-01-02T00:00:00Z')];
const equal = [
  ...at('2022-01-01T00:00:00Z', '2022-01-01T00:00:00Z', '2022-01-01T00:00:00Z'),
  ...series('2022-02-01T00:00:00Z', 3, 1),
];
const tagged: ForgetSnapshot[] = [
  { time: '2022-01-01T00:00:00Z', tags: ['a'] },
  { time: '2022-01-02T00:00:00Z', tags: ['b', 'a'] },
  { time: '2022-01-03T00:00:00Z', tags: [] },
  { time: '2022-01-04T00:00:00Z', tags: ['b'] },
  { time: '2022-01-05T00:00:00Z', tags: ['c', 'd'] },
  { time: '2022-01-06T00:00:00Z' },
];
const mixed: ForgetSnapshot[] = ['one', 'two'].flatMap((host) =>
  [['/a', '/b'], ['/b', '/a'], ['/a']].flatMap((paths, i) =>
    [['x', 'y'], ['y', 'x'], []].map((tags, j) => ({
      time: `2022-0${i + 1}-0${j + 1}T0${i}:00:00Z`,
      host,
      paths,
      tags,
    })),
  ),
);

const DEFAULT_GROUPS = 'host,paths';

function cases(
  name: string,
  snapshots: readonly ForgetSnapshot[],
  rules: readonly ForgetCase['rules'][],
  { zone = 'UTC', groupBy = DEFAULT_GROUPS } = {},
): ForgetCase[] {
  return rules.map((one) => ({ name, zone, rules: one, groupBy, snapshots }));
}

const all: readonly ForgetCase[] = [
  ...cases('every hour', hourly, [
    { last: 1 },
    { last: 5 },
    { last: 'unlimited' },
    { hourly: 3 },
    { hourly: 100 },
    { daily: 1 },
    { daily: 2 },
    { daily: 3 },
    { daily: 'unlimited' },
    { last: 2, hourly: 4, daily: 2, weekly: 1, monthly: 2, yearly: 1 },
    { within: '5h' },
    { within: '1d' },
    { withinHourly: '10h', withinDaily: '2d' },
  ]),
  ...cases('every day', daily, [
    { daily: 7 },
    { weekly: 3 },
    { weekly: 'unlimited' },
    { monthly: 2 },
    { monthly: 'unlimited', yearly: 1 },
    { yearly: 10 },
    { daily: 7, weekly: 4, monthly: 12 },
    { within: '14d' },
    { within: '1m' },
    { within: '1y5m7d2h' },
    { withinDaily: '7d', withinWeekly: '1m', withinMonthly: '1y' },
    { withinYearly: '3y' },
  ]),
  ...cases('years, leap days and ISO weeks', years, [
    { yearly: 3 },
    { yearly: 'unlimited' },
    { weekly: 2 },
    { weekly: 'unlimited' },
    { monthly: 4 },
    { within: '4y' },
    { within: '8y' },
    { within: '3y2m', yearly: 1 },
    { withinYearly: '9y' },
  ]),
  ...['UTC', 'Europe/Berlin', 'America/New_York'].flatMap((zone) =>
    cases(
      'the change of the clock',
      summerTime,
      [
        { daily: 3 },
        { hourly: 4 },
        { hourly: 'unlimited' },
        { within: '1d' },
        { within: '1m' },
        { within: '28d' },
        { within: '7m' },
        { within: '24h' },
        { within: '6m27d' },
      ],
      { zone },
    ),
  ),
  ...cases('offsets', offsets, [{ daily: 2 }, { daily: 'unlimited' }, { hourly: 3 }, { last: 2 }, { within: '12h' }]),
  ...cases('the ends of months', monthEnds, [
    { within: '1m' },
    { within: '1m1h' },
    { within: '28d' },
    { within: '1y' },
  ]),
  ...cases('the ends of months in a leap year', leapEnds, [{ within: '1m' }, { within: '29d' }, { within: '1m1d' }]),
  ...cases('dates in the future', future, [
    { last: 1 },
    { daily: 2 },
    { within: '2d' },
    { withinDaily: '3d' },
    { within: '1h', yearly: 1 },
  ]),
  ...cases('nothing but the future', future.slice(6), [{ within: '1d' }, { last: 1 }, { withinYearly: '1y' }]),
  ...cases('equal times', equal, [{ last: 1 }, { last: 4 }, { hourly: 2 }, { daily: 1 }, { daily: 5 }, { monthly: 2 }]),
  ...cases('one backup', at('2022-01-01T00:00:00Z'), [
    { last: 1 },
    { daily: 3 },
    { within: '1h' },
    { withinHourly: '1h' },
  ]),
  ...cases('tags', tagged, [
    { tags: [['a']] },
    { tags: [['a', 'b']] },
    { tags: [['a'], ['c']] },
    { tags: [['']] },
    { tags: [['a', '']] },
    { tags: [['a']], last: 1 },
    { tags: [['nothing']], last: 2, daily: 3 },
    { tags: [['nothing']] },
  ]),
  ...['host,paths', 'host', 'paths', 'tags', 'host,tags', 'host,paths,tags', ''].flatMap((groupBy) =>
    cases(`grouped by ${groupBy === '' ? 'nothing' : groupBy}`, mixed, [{ last: 1 }, { monthly: 1, tags: [['y']] }], {
      groupBy,
    }),
  ),
  ...cases('a group that would lose everything', mixed, [{ tags: [['x']] }], { groupBy: 'tags' }),
];

const version = /restic (\S+)/u.exec(execFileSync(restic, ['version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
const answered: unknown[] = [];
for (const one of all) answered.push({ ...one, outcome: (await askRestic(restic, one)) ?? 'refused' });
const file = path.join(import.meta.dirname, 'forget', `restic-${version}.json`);
fs.mkdirSync(path.dirname(file), { recursive: true });
const lines = answered.map((one) => JSON.stringify(one)).join(',\n');
const head = `{"origin":"restic ${version} forget --dry-run --json","madeAt":"${new Date().toISOString()}"`;
fs.writeFileSync(file, `${head},"cases":[\n${lines}\n]}\n`);
console.log(`${all.length} cases in ${file}`);
