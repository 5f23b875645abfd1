import { CairnError, hasCode } from '../../base/errors.ts';
import { versionId } from '../../values/value-version.ts';
import { findValue, type FoundValue } from '../values/value-backup.ts';
import { valuesContext } from '../values/values-context.ts';
import { loadSnapshots } from '../vault-session.ts';
import { chooseArchive, type ChooseContext } from './choose-backup.ts';
import { chooseSnapshot, type ReferenceOptions } from './choose-snapshot.ts';

/**
 * The value that a reference means, or `undefined` where it means a backup of another form or nothing. Costs two listings
 * where no value can be meant. Throws `REF_AMBIGUOUS` where it names something else as well: of values and backups none is
 * the newer one, since setting a key must not change what `restore NAME` brings back.
 */
export async function chooseValue(
  context: ChooseContext,
  reference: string,
  options: ReferenceOptions,
): Promise<FoundValue | undefined> {
  const { repository, settings, signal } = context;
  const found = await findValue(valuesContext(repository, settings), reference, { ...options, signal });
  if (found === undefined) return undefined;
  const other = await otherMeaning(context, reference, options);
  if (other === undefined) return found;
  const id = versionId(found.version);
  throw new CairnError('REF_AMBIGUOUS', `"${reference}" can mean the value ${id}, or the backup ${other}`, {
    hint: 'Give the id of the one that is meant; `cairn kv` is about values only.',
    facts: { ref: reference, candidates: [id, other] },
  });
}

async function otherMeaning(
  context: ChooseContext,
  reference: string,
  options: ReferenceOptions,
): Promise<string | undefined> {
  const archive = await chooseArchive(context, reference, options);
  if (archive !== undefined) return archive.stored;
  const snapshots = await loadSnapshots(context.repository, context.settings, context.signal);
  try {
    return chooseSnapshot(snapshots, reference, options).id;
  } catch (error) {
    if (hasCode(error, 'REF_UNKNOWN')) return undefined;
    throw error;
  }
}
