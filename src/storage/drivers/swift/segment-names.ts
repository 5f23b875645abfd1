// Where the segments of large objects lie: in a container beside that of the objects, as Swift's own client has it.
//
//   CONTAINER_segments   KEY/UPLOAD/00000012      a segment; KEY is the key of the object as one component
//                        KEY/UPLOAD/group-0001    a manifest of segments, of which the manifest of the object consists
//
// UPLOAD tells the segments of one write from those of the next one of the same name. The manifest has it in a header.
import { randomBytes } from 'node:crypto';
import { CairnError } from '../../../base/errors.ts';
import type { ObjectName } from '../../storage.ts';
import type { SwiftClient } from './swift-client.ts';

/** Says on a manifest which upload it is made of. */
export const UPLOAD_HEADER = 'x-object-meta-cairn-upload';
/** The longest name that Swift takes. */
const LONGEST_KEY = 1024;

export function segmentContainer({ location }: Pick<SwiftClient, 'location'>): string {
  return `${location.container}_segments`;
}

/** A name for an upload that no other one has. */
export function newUpload(): string {
  return randomBytes(12).toString('hex');
}

/** Where all segments of an object lie, of whatever upload; ends in a slash. */
export function segmentsOf(client: Pick<SwiftClient, 'keyOf'>, name: ObjectName): string {
  return `${escapeKey(client.keyOf(name))}/`;
}

/** What the names of all segments of this storage begin with. */
export function segmentsOfAll(client: Pick<SwiftClient, 'keyOf'>): string {
  return escapeKey(client.keyOf(''));
}

/** The object that segments lie there for; undefined where they are those of another storage. */
export function objectOf(client: Pick<SwiftClient, 'keyOf'>, folder: string): ObjectName | undefined {
  const key = folder.replace(/\/$/u, '').replaceAll('%2F', '/').replaceAll('%25', '%');
  const below = client.keyOf('');
  return key.startsWith(below) ? key.slice(below.length) : undefined;
}

/** The upload of a segment below the folder of its object. */
export function uploadOf(folder: string, key: string): string | undefined {
  return /^([0-9a-f]{24})\/[a-z0-9-]+$/u.exec(key.slice(folder.length))?.[1];
}

export function segmentKey(client: Pick<SwiftClient, 'keyOf'>, name: ObjectName, upload: string, part: string): string {
  const key = `${segmentsOf(client, name)}${upload}/${part}`;
  if (key.length <= LONGEST_KEY) return key;
  throw new CairnError(
    'NOT_SUPPORTED',
    `cannot write ${name.slice(0, 60)}… in segments: its name is too long for Swift`,
    {
      hint: 'Choose a shorter name, or a shorter prefix of the vault.',
      facts: { name },
    },
  );
}

function escapeKey(key: string): string {
  return key.replaceAll('%', '%25').replaceAll('/', '%2F');
}
