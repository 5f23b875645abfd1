// ~/.bakthat.yml of bakthat 0.4 to 0.6, as settings of ours: each of its profiles becomes a vault.
import { isScalar, parseDocument, visit, type Document } from 'yaml';
import { CairnError, messageOf } from '../base/errors.ts';
import type { ConfigEdit } from './edit-config.ts';
import { isFields } from './merge-profile.ts';
import { weekdays } from '../retention/weekday.ts';
import { literal } from './variables.ts';

export interface BakthatImport {
  readonly edits: readonly ConfigEdit[];
  /** Notes about settings that have no counterpart or mean something else here. Never a secret. */
  readonly notes: readonly string[];
}

const MAX_BYTES = 256 * 1024;

type Fields = Readonly<Record<string, unknown>>;

const KNOWN = new Set([
  'access_key',
  'secret_key',
  'region_name',
  's3_bucket',
  'glacier_vault',
  'default_destination',
  'compress',
  'rotation',
  'plugins',
  'plugins_dir',
  'bakmanager_token',
  'bakmanager_api',
  'auth_url',
  'auth_version',
]);
/** bakthat's archives lie at the root of the bucket; the vault gets a place of its own beside them. */
const PREFIX = 'cairn';

/** Reads the text of the file. Its tags name Python code and are passed over. Throws `CONFIG_INVALID`. */
export function importBakthat(file: string, text: string): BakthatImport {
  const notes: string[] = [];
  const raw = plainValue(file, text, notes);
  if (!isFields(raw)) throw invalid(file, 'has no profiles');
  const { sync, ...profiles } = raw;
  const edits: ConfigEdit[] = [];
  for (const [name, profile] of Object.entries(profiles)) {
    if (isFields(profile)) edits.push(...importProfile(name, profile, notes));
    else notes.push(`${name} is no profile and was left out`);
  }
  if (sync !== undefined) {
    notes.push(
      'sync: not needed: the vault itself says what is in it, so machines that share it see the backups of each other',
    );
  }
  if (edits.some(({ path }) => path[1] === 'main')) edits.push({ path: ['default', 'vault'], value: 'main' });
  return { edits, notes };
}

function plainValue(file: string, text: string, notes: string[]): unknown {
  if (text.length > MAX_BYTES) throw invalid(file, 'is larger than 256 KiB, so it is no configuration');
  let document: Document;
  try {
    document = parseDocument(text, { prettyErrors: false, logLevel: 'silent' });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    dropTags(document, notes);
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw invalid(file, messageOf(error), error);
  }
}

/** `!!python/unicode` is text; any other Python object becomes null. */
function dropTags(document: Document, notes: string[]): void {
  visit(document, {
    Node: (_, node) => {
      if (!('tag' in node) || node.tag === undefined || !node.tag.includes('python/')) return undefined;
      if (isScalar(node) && /python\/(?:unicode|str)$/.test(node.tag)) return undefined;
      notes.push(`the tag ${node.tag.replace('tag:yaml.org,2002:', '!!')} was not executed; its value was left out`);
      // A node is what a visitor may return; the declaration of one for all kinds of nodes asks for all kinds at once.
      return document.createNode(null) as never;
    },
  });
}

function importProfile(profile: string, settings: Fields, notes: string[]): ConfigEdit[] {
  const note = (text: string): void => void notes.push(`${profile}: ${text}`);
  const name = profile === 'default' ? 'main' : profile.replaceAll(/[^\w.-]/g, '_');
  for (const key of Object.keys(settings)) if (!KNOWN.has(key)) note(`${key} is unknown and was left out`);
  noteOthers(settings, note);
  const vault = vaultOf(settings, note);
  if (vault === undefined) return [];
  return [
    { path: ['vaults', name], value: vault },
    ...(profile === 'default' ? [] : [{ path: ['profiles', name, 'default', 'vault'], value: name }]),
  ];
}

function vaultOf(settings: Fields, note: (text: string) => void): Fields | undefined {
  const bucket = textOf(settings['s3_bucket']);
  const destination = textOf(settings['default_destination']) ?? 's3';
  if (bucket === undefined) {
    note('has no s3_bucket, so no vault was made of it');
    return undefined;
  }
  if (destination === 'swift' || settings['auth_url'] !== undefined) {
    note('the vault has no password yet: cairn asks for it; `vaults.NAME.password` says where else it is');
    return { url: `swift:${bucket}:/${PREFIX}`, env: swiftLogin(settings), ...keptWith(settings, note) };
  }
  const region = textOf(settings['region_name']) ?? 'us-east-1';
  if (destination === 'glacier') {
    note('the vaults of Glacier are a service of their own; new data goes into the bucket with the class GLACIER');
  }
  const env = {
    ...field('AWS_ACCESS_KEY_ID', literalOf(settings['access_key'])),
    ...field('AWS_SECRET_ACCESS_KEY', literalOf(settings['secret_key'])),
  };
  note('the vault has no password yet: cairn asks for it; `vaults.NAME.password` says where else it is');
  return {
    url: `s3://${bucket}/${PREFIX}?region=${encodeURIComponent(region)}`,
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(destination === 'glacier' ? { coldClass: 'GLACIER' } : {}),
    ...keptWith(settings, note),
  };
}

function keptWith(settings: Fields, note: (text: string) => void): Fields {
  return {
    archives: { compression: settings['compress'] === false ? 'none' : 'gzip' },
    ...field('keep', keepOf(settings['rotation'], note)),
  };
}

/** Version 2 has the tenant before the user, as in `tenant:user`; version 1 has the account there, and keeps it. */
function swiftLogin(settings: Fields): Fields {
  const url = literalOf(settings['auth_url']);
  const user = literalOf(settings['access_key']);
  const key = literalOf(settings['secret_key']);
  if (Number.parseInt(textOf(settings['auth_version']) ?? '1', 10) === 1)
    return { ...field('ST_AUTH', url), ...field('ST_USER', user), ...field('ST_KEY', key) };
  const [, tenant, name] = /^([^:]*):(.*)$/s.exec(user ?? '') ?? [undefined, undefined, user];
  return {
    ...field('OS_AUTH_URL', url),
    OS_IDENTITY_API_VERSION: textOf(settings['auth_version']),
    ...field('OS_TENANT_NAME', tenant),
    ...field('OS_USERNAME', name),
    ...field('OS_PASSWORD', key),
  };
}

/** bakthat has no variables, so every `$` is literal. */
function literalOf(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : literal(text);
}

function keepOf(rotation: unknown, note: (text: string) => void): Fields | undefined {
  if (!isFields(rotation)) return undefined;
  const keep: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rotation)) {
    if (key === 'first_week_day') {
      const day = weekdays[Number(value)];
      if (day === undefined) note(`rotation.first_week_day is ${String(value)}, which is no day`);
      else keep['firstWeekday'] = day;
    } else if (/^(?:years|months|weeks|days|hours|minutes|seconds)$/.test(key)) {
      if (Number.isSafeInteger(value) && Number(value) >= 0) keep[key] = value;
      else note(`rotation.${key} is no count and was left out`);
    } else note(`rotation.${key} is unknown and was left out`);
  }
  const keeps = Object.entries(keep).some(([, value]) => typeof value === 'number' && value > 0);
  if (!keeps) note('rotation keeps nothing and was left out');
  return keeps ? keep : undefined;
}

function noteOthers(settings: Fields, note: (text: string) => void): void {
  const { plugins } = settings;
  if (Array.isArray(plugins) && plugins.length > 0) {
    note(`plugins are Python (${plugins.map(String).join(', ')}): write them as modules, see docs/guides/plugins.md`);
  }
  if (settings['plugins_dir'] !== undefined) note('plugins_dir holds Python modules and was left out');
  if (settings['bakmanager_token'] !== undefined || settings['bakmanager_api'] !== undefined) {
    note('bakmanager is gone; `notifications` of the type ping or webhook tell a monitor of each backup');
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function field(name: string, value: unknown): Fields {
  return value === undefined ? {} : { [name]: value };
}

function invalid(file: string, what: string, cause?: unknown): CairnError {
  return new CairnError('CONFIG_INVALID', `${file}: ${what}`, {
    hint: 'Name the file of bakthat, usually ~/.bakthat.yml.',
    cause,
    facts: { file },
  });
}
