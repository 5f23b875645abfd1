import type { SettledArchive } from '../../archives/shelf/settle-shelf.ts';

const outcomes: Readonly<Record<SettledArchive['how'], string>> = {
  finished: 'an earlier run finished it without saying so',
  discarded: 'an earlier run was stopped while it wrote it; what there was is removed',
  deleted: 'an earlier run was stopped while it deleted it; it is gone now',
};

export function describeSettled({ object, how }: SettledArchive): string {
  return `${object}: ${outcomes[how]}`;
}
