import { describe, expect, it } from 'vitest';
import { type Answers, type InterviewContext, interview, type Interviewer } from './config-interview.ts';

/** Answers what each question begins with; what is not named gets an empty answer. */
function answering(
  answers: Readonly<Record<string, string | readonly string[]>>,
): Interviewer & { readonly said: string[]; readonly asked: string[] } {
  const left = new Map(Object.entries(answers).map(([key, value]) => [key, [value].flat()]));
  const said: string[] = [];
  const asked: string[] = [];
  const next = (question: string): string => {
    asked.push(question);
    const key = [...left.keys()].find((start) => question.startsWith(start));
    return (key === undefined ? undefined : left.get(key)?.shift()) ?? '';
  };
  return {
    said,
    asked,
    say: (text) => void said.push(text),
    ask: async (question, current) => next(question) || (current ?? ''),
    askHidden: async (question) => next(question),
    confirm: async (question) => next(question) === 'y',
  };
}

function context(more: Partial<InterviewContext> = {}): InterviewContext {
  return { current: {}, file: '/etc/cairn.yaml', cwd: '/etc', home: '/home/u', probe: async () => 'empty', ...more };
}

const onlyGood: InterviewContext['probe'] = async (url) => {
  if (url.endsWith('good')) return 'empty';
  throw new Error('no such host');
};

/** The edits as one object. */
function valueOf({ edits }: Answers): Record<string, unknown> {
  return Object.fromEntries(edits.map(({ path, value }) => [path.join('.'), value]));
}

describe('the questions of `config init`', () => {
  it('B10: make a vault, and test where it is', async () => {
    const looked: string[] = [];
    const io = answering({ 'Where it is': './vault', 'Where its password': 'env' });
    const answers = await interview(
      io,
      context({
        probe: async (url) => {
          looked.push(url);
          return 'vault';
        },
      }),
    );
    expect(looked).toEqual(['/etc/vault']);
    expect(answers).toMatchObject({ vault: 'main', isNew: false, passwordFiles: [] });
    expect(valueOf(answers)).toEqual({
      'vaults.main.url': './vault',
      'vaults.main.password': '${CAIRN_PASSWORD}',
      'default.vault': 'main',
    });
  });

  it('B10: ask again until an answer makes sense', async () => {
    const io = answering({
      'Name of the vault': ['not a name', 'home'],
      'Where it is': ['', 'gopher://x', 'v'],
      'Where its password': ['somewhere', 'ask'],
    });
    expect(valueOf(await interview(io, context()))).toMatchObject({ 'vaults.home.url': 'v' });
    expect(io.said).toHaveLength(5);
  });

  it('take a secret that is typed for what it is, also where it looks like a variable', async () => {
    const env: unknown[] = [];
    const io = answering({
      'Where it is': ['s3://b/p'],
      'Access key id': ['AKIA'],
      'Secret access key': ['a${HOME}b'],
      'Where its password': ['ask'],
    });
    const probe: InterviewContext['probe'] = async (_, variables) => {
      env.push(variables);
      return 'vault';
    };
    expect(valueOf(await interview(io, context({ probe })))).toMatchObject({
      'vaults.main.env.AWS_SECRET_ACCESS_KEY': 'a$${HOME}b',
    });
    expect(env).toEqual([{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'a${HOME}b' }]);
  });

  it('B10: begin with what is there, and an empty answer keeps it', async () => {
    const current = {
      default: { vault: 'off' },
      vaults: {
        off: {
          url: 's3://b/p',
          password: { file: 'pw' },
          env: { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'x' },
        },
      },
    };
    const env: unknown[] = [];
    const io = answering({});
    const probe: InterviewContext['probe'] = async (_, variables) => {
      env.push(variables);
      return 'vault';
    };
    const answers = await interview(io, context({ current, probe }));
    expect(valueOf(answers)).toEqual({
      'vaults.off.url': 's3://b/p',
      'vaults.off.env.AWS_ACCESS_KEY_ID': 'AKIA',
      'default.vault': 'off',
    });
    expect(env).toEqual([{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'x' }]);
  });

  it('ask again where the place cannot be used, or keep it when told so', async () => {
    const io = answering({ 'Where it is': ['bad', 'good'] });
    expect(valueOf(await interview(io, context({ probe: onlyGood })))).toMatchObject({ 'vaults.main.url': 'good' });
    expect(io.said).toContain('It cannot be used: no such host');
    const other = answering({ 'Where it is': 'bad', Keep: 'y' });
    expect(valueOf(await interview(other, context({ probe: onlyGood })))).toMatchObject({ 'vaults.main.url': 'bad' });
  });

  it('make a plan of folders with a rotation: B11 days, weeks, months, and Saturday where nothing is said', async () => {
    const io = answering({
      'Where it is': 'v',
      Folders: '~/documents, /srv/www',
      Remove: 'y',
      'Days to': '14',
      'Weeks to': ['six', '4'],
    });
    expect(valueOf(await interview(io, context()))).toMatchObject({
      'sources.documents': { type: 'files', paths: ['~/documents', '/srv/www'] },
      'plans.nightly.sources': ['documents'],
      'plans.nightly.vault': 'main',
      'plans.nightly.keep': { days: 14, weeks: 4, months: 6, firstWeekday: 'saturday' },
    });
  });

  it('make typed paths absolute where the file is elsewhere', async () => {
    const io = answering({ 'Where it is': './v', Folders: 'docs, ~/x', 'Where its password': 'file', 'File of': 'pw' });
    expect(valueOf(await interview(io, context({ cwd: '/srv' })))).toMatchObject({
      'vaults.main.url': '/srv/v',
      'vaults.main.password': { file: '/srv/pw' },
      'sources.docs': { paths: ['/srv/docs', '~/x'] },
    });
  });

  it('keep everything where every count is 0', async () => {
    const io = answering({
      'Where it is': 'v',
      Folders: 'a',
      Remove: 'y',
      'Days to': '0',
      'Weeks to': '0',
      'Months to': '0',
    });
    expect(valueOf(await interview(io, context()))).not.toHaveProperty('plans.nightly.keep');
  });

  it('promise a file with a random password, and make none themselves', async () => {
    const io = answering({
      'Where it is': 'v',
      'Where its password': 'file',
      'File of': '/nowhere/pw',
      'It does not': 'y',
    });
    expect(await interview(io, context())).toMatchObject({ passwordFiles: ['/nowhere/pw'] });
  });
});
