import { randomBytes } from 'node:crypto';
import { utf8, utf8Lossy } from '../../../base/bytes.ts';
import { type CairnError, hasCode } from '../../../base/errors.ts';
import type { ObjectName } from '../../storage.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { encodeQuery } from '../http/url-encoding.ts';
import type { GsClient } from './gs-client.ts';
import { gsError, strangeAnswer } from './gs-errors.ts';

/** A batch of the JSON API takes so many requests. */
export const REMOVE_BATCH = 100;

/**
 * Removes up to 100 objects with one request: a batch of requests as parts of one body ("Batch requests", Cloud Storage
 * documentation). Every one must be reported as gone. False where the server does not know batches.
 */
export async function removeBatch(
  client: GsClient,
  names: readonly ObjectName[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const action = `remove ${names.length} objects`;
  const boundary = `cairn-${randomBytes(12).toString('hex')}`;
  const { userProject } = client.location;
  const query = userProject === undefined ? '' : `?${encodeQuery({ userProject })}`;
  const parts = names.map(
    (name, index) =>
      `--${boundary}\r\ncontent-type: application/http\r\ncontent-id: <remove+${index}>\r\n\r\n` +
      `DELETE ${client.objectPath(name)}${query} HTTP/1.1\r\n\r\n\r\n`,
  );
  let response: HttpResponse;
  try {
    response = await client.send({
      method: 'POST',
      path: '/batch/storage/v1',
      headers: { 'content-type': `multipart/mixed; boundary=${boundary}` },
      body: [utf8(`${parts.join('')}--${boundary}--\r\n`)],
      repeatable: true,
      operation: 'Batch',
      action,
      signal,
    });
  } catch (error) {
    // Not found is the place of batches itself: of the bucket only the answers inside would say so.
    if (hasCode(error, 'NOT_SUPPORTED') || hasCode(error, 'BUCKET_MISSING')) return false;
    throw error;
  }
  const answers = parseBatch(response);
  for (const [index, name] of names.entries()) {
    const answer = answers.get(index);
    if (answer === undefined) throw strangeAnswer(action, `no word about ${name}`);
    if (!isGone(answer.status)) throw notRemoved(client, name, answer);
  }
  return true;
}

function isGone(status: number): boolean {
  return (status >= 200 && status < 300) || status === 404;
}

interface PartAnswer {
  readonly status: number;
  readonly body: string;
}

/** The answers of a batch by the numbers of its requests. */
function parseBatch({ headers, body }: Pick<HttpResponse, 'headers' | 'body'>): ReadonlyMap<number, PartAnswer> {
  const boundary = /boundary="?([^";]+)"?/u.exec(headers['content-type'] ?? '')?.[1];
  const answers = new Map<number, PartAnswer>();
  if (boundary === undefined) return answers;
  for (const part of utf8Lossy(body).split(`--${boundary}`)) {
    const id = /^content-id:\s*<response-remove\+(\d+)>/imu.exec(part)?.[1];
    const status = /^HTTP\/\d(?:\.\d)? (\d{3})/mu.exec(part)?.[1];
    if (id === undefined || status === undefined) continue;
    // The headers of the part, those of the answer in it, and its body, with empty lines between them.
    const text = part
      .split(/\r?\n\r?\n/u)
      .slice(2)
      .join('\n\n')
      .trim();
    answers.set(Number(id), { status: Number(status), body: text });
  }
  return answers;
}

function notRemoved({ location }: GsClient, name: ObjectName, { status, body }: PartAnswer): CairnError {
  const { bucket, endpoint } = location;
  const request = { action: `remove ${name}`, host: endpoint.host, bucket, name, hasFixedToken: false };
  return gsError(request, { status, headers: {}, body: utf8(body) });
}
