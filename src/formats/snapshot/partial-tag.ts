/**
 * The tag of a backup that lacks something: it could not be read, or the run was stopped before it was. A tag, as a name
 * and a hold are: restic shows and keeps it, where it would drop a field that it does not know.
 */
export const PARTIAL_TAG = 'partial';

export function isPartial(tags: readonly string[]): boolean {
  return tags.includes(PARTIAL_TAG);
}

/** `tags` with the mark, once. */
export function withPartialTag(tags: readonly string[]): readonly string[] {
  return isPartial(tags) ? tags : [...tags, PARTIAL_TAG];
}
