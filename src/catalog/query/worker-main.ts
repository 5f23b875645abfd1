// The process that runs queries of the catalog: one that takes too long can only be stopped by ending its process.
import { messageOf } from '../../base/errors.ts';
import type { QueryAnswer, QueryRequest } from './query-message.ts';
import { runQuery } from './run-query.ts';

// SAFETY: only `QueryProcess` talks to this process, and sends nothing else.
process.on('message', (request) => {
  process.send?.(answerOf(request as QueryRequest));
});
// Nobody asks any more.
process.on('disconnect', () => process.exit());

function answerOf(request: QueryRequest): QueryAnswer {
  try {
    return runQuery(request);
  } catch (error) {
    return { kind: 'failed', message: messageOf(error), errcode: null };
  }
}
