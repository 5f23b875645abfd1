import { isCairnError } from '../../../base/errors.ts';
import { countsAsStale } from '../../object-name.ts';
import type { ObjectName, StaleUploadOptions } from '../../storage.ts';
import type { S3Client } from './s3-client.ts';
import { nextToken, sendForXml } from './s3-listing.ts';
import { abortUpload } from './s3-multipart.ts';
import { childOf, childrenOf, textOf, type XmlElement } from './xml.ts';

/** Parts of an upload in one page of their list. */
const PARTS_A_PAGE = 1000;

interface Upload {
  readonly name: ObjectName;
  readonly uploadId: string;
}

export interface StaleUploads extends StaleUploadOptions {
  /** Nothing of the upload may have come since then. */
  readonly beforeMs: number;
}

/**
 * Clears away uploads below the prefix that were never completed and that nothing was sent to since `beforeMs`: one that
 * takes days is not stale while its parts come. Returns their number.
 */
export async function abortStaleUploads(client: S3Client, stale: StaleUploads): Promise<number> {
  const { signal, dryRun = false } = stale;
  const action = 'list unfinished uploads';
  const below = client.keyOf('');
  let marker: string | undefined;
  let count = 0;
  do {
    const [key = '', id = ''] = marker?.split('\n') ?? [];
    const page = await sendForXml(client, 'ListMultipartUploadsResult', {
      method: 'GET',
      query: {
        uploads: '',
        prefix: below,
        ...(marker === undefined ? {} : { 'key-marker': key, 'upload-id-marker': id }),
      },
      operation: 'ListMultipartUploads',
      action,
      signal,
    });
    for (const upload of uploadsBegunBefore(page, below, stale.beforeMs)) {
      if (!countsAsStale(upload.name, stale) || (await hasPartsSince(client, upload, stale))) continue;
      if (!dryRun) await abortUpload(client, upload.name, upload.uploadId, signal);
      count++;
    }
    marker = nextToken(withMarker(page), 'Marker', marker, action);
  } while (marker !== undefined);
  return count;
}

function* uploadsBegunBefore(page: XmlElement, below: string, beforeMs: number): Generator<Upload> {
  for (const upload of childrenOf(page, 'Upload')) {
    const key = textOf(upload, 'Key') ?? '';
    const uploadId = textOf(upload, 'UploadId');
    const initiatedMs = Date.parse(textOf(upload, 'Initiated') ?? '');
    if (key.startsWith(below) && uploadId !== undefined && initiatedMs < beforeMs)
      yield { name: key.slice(below.length), uploadId };
  }
}

/** The two markers of a page as one. */
function withMarker(page: XmlElement): XmlElement {
  const key = childOf(page, 'NextKeyMarker')?.text ?? '';
  const id = childOf(page, 'NextUploadIdMarker')?.text ?? '';
  return {
    ...page,
    children: [...page.children, { name: 'Marker', text: key === '' ? '' : `${key}\n${id}`, children: [] }],
  };
}

/** Parts come in order, so that the newest ones are on the last page. */
async function hasPartsSince(client: S3Client, upload: Upload, { beforeMs, signal }: StaleUploads): Promise<boolean> {
  const action = `list the parts of an upload of ${upload.name}`;
  let after: string | undefined;
  do {
    let page: XmlElement;
    try {
      page = await sendForXml(client, 'ListPartsResult', {
        method: 'GET',
        name: upload.name,
        query: {
          uploadId: upload.uploadId,
          'max-parts': String(PARTS_A_PAGE),
          ...(after === undefined ? {} : { 'part-number-marker': after }),
        },
        operation: 'ListParts',
        action,
        signal,
      });
    } catch (error) {
      // Completed or cleared away meanwhile: nothing to do with it any more.
      if (isCairnError(error) && error.facts['reason'] === 'NoSuchUpload') return true;
      throw error;
    }
    const times = childrenOf(page, 'Part').map((part) => Date.parse(textOf(part, 'LastModified') ?? ''));
    // A time that cannot be read may be a new one.
    if (times.some((time) => !(time < beforeMs))) return true;
    after = nextToken(page, 'NextPartNumberMarker', after, action);
  } while (after !== undefined);
  return false;
}
