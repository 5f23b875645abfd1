// A hold exempts a backup from retention until it is released. It is a tag, `hold:<label>`, as the name of a backup is
// one: it survives what other programs do, and they show it. restic's own `forget` does not know it.
import { CairnArgumentError } from '../base/errors.ts';

const HOLD_TAG = 'hold:';
const MAX_LABEL = 200;

/** A comma ends a tag in restic. */
const FORBIDDEN = /[,\p{Cc}]/u;

/** The tag of a hold. Throws `ARGUMENT_INVALID` for what cannot be a label. */
export function holdTag(label: string): string {
  if (label === '' || label.length > MAX_LABEL || FORBIDDEN.test(label) || label.trim() !== label) {
    throw new CairnArgumentError(`${JSON.stringify(label.slice(0, 60))} cannot be the label of a hold`, {
      hint: `A label is a word or a few, up to ${MAX_LABEL} characters, without commas.`,
    });
  }
  return HOLD_TAG + label;
}

export function isHoldTag(tag: string): boolean {
  return tag.startsWith(HOLD_TAG) && tag.length > HOLD_TAG.length;
}

/** The labels that hold a backup; none if it is free. */
export function holdsOf(tags: readonly string[]): readonly string[] {
  return tags.filter(isHoldTag).map((tag) => tag.slice(HOLD_TAG.length));
}

/** Why a backup is exempt, if it is: `held: before-migration`. */
export function heldReasons(tags: readonly string[]): readonly string[] {
  return holdsOf(tags).map((label) => `held: ${label}`);
}
