import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CairnError } from '../../base/errors.ts';
import { vaultVariables } from '../../config/vault-variables.ts';
import { Accounts } from '../../server/rest/accounts.ts';
import type { Access } from '../../server/rest/gate.ts';
import { isLocalAddress } from '../../server/http/listen-address.ts';
import type { ServerEvent } from '../../server/http/server-event.ts';
import { type RestServer, startRestServer } from '../../server/rest/rest-server.ts';
import { planRestSettings, type RestSettings } from '../../server/rest/rest-settings.ts';
import { limited } from '../../storage/layers/limit.ts';
import { readOnly as readOnlyStorage } from '../../storage/layers/read-only.ts';
import { openStorage } from '../../storage/open-storage.ts';
import type { Storage } from '../../storage/storage.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { type GlobalOptions, parseSizeArgument } from '../global-options.ts';
import { addExamples, addExitCodes } from '../help.ts';
import { formatBytes } from '../output/format.ts';
import { serveValues } from '../serve-values.ts';
import { aborted, eventPrinter, loadTls, onHangup, printLine, renewTls } from '../serving.ts';
import { chooseVault, type VaultChoice } from '../vault-choice.ts';

export interface ServeFlags {
  readonly rest: boolean;
  readonly values: boolean;
  readonly listen: string;
  readonly privateRepos: boolean;
  readonly maxSize?: number;
  readonly htpasswd?: string;
  readonly auth: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export const serveCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        "Serves a storage to other machines over restic's REST protocol: restic and Cairn back up to it with\n" +
          'rest:http://HOST:PORT/REPOSITORY/. With --values it answers signed URLs of values. Runs until SIGTERM or SIGINT, which let running requests end;\n' +
          'SIGHUP reads users and certificate again. --append-only and --read-only say what all clients may do. With --json, events are lines of JSON on stdout.',
      )
      .argument('[path]', 'what is served: a folder or a storage URL; --vault by default')
      .option('--rest', "serve the storage over restic's protocol", false)
      .option(
        '--values',
        'answer the URLs of `cairn kv url` instead, and nothing else; needs the password of the vault',
        false,
      )
      .option('--listen <address>', 'HOST:PORT, [IPV6]:PORT or unix:/PATH', '127.0.0.1:8000')
      .option('--private-repos', 'each user reaches only what is below the folder with the name of the user', false)
      .option('--max-size <size>', 'what all repositories together may take, such as 500G', parseSizeArgument)
      .option('--htpasswd <file>', 'users and their bcrypt or SHA passwords (default: PATH/.htpasswd, if it is there)')
      .option('--no-auth', 'everybody may come in')
      .option('--tls-cert <file>', 'serve HTTPS with this certificate (PEM)')
      .option('--tls-key <file>', 'and this key (PEM)')
      .action((path: string | undefined, flags: ServeFlags) => start((cli) => serve(cli, path, flags)));
    addExamples(command, [
      ['cairn serve --rest --no-auth /srv/backups', 'for programs of this machine'],
      ['cairn serve --rest --append-only --private-repos --htpasswd users --listen 0.0.0.0:8000 /srv/backups', ''],
      ['cairn --vault /srv/vault serve --values --listen 127.0.0.1:8001', 'values, by signed URLs'],
    ]);
    addExitCodes(command, ['noVault', 'password', 'denied', 'unreachable']);
  },
};

async function serve(cli: CliContext, path: string | undefined, flags: ServeFlags): Promise<void> {
  if (flags.rest === flags.values) {
    throw new CairnError('USAGE', 'what to serve is not said', { hint: 'Say --rest or --values, one of the two.' });
  }
  if (flags.values) await serveValues(cli, path, flags);
  else await serveRest(cli, path, flags);
}

async function serveRest(cli: CliContext, path: string | undefined, flags: ServeFlags): Promise<void> {
  const choice = path === undefined ? await chosenVault(cli) : undefined;
  const env = choice?.kind === 'configured' ? await vaultVariables(choice, cli.signal) : {};
  const url = path ?? choice?.url ?? '';
  await using driver = await openStorage(url, {
    env: { ...cli.env, ...env },
    schemes: (await cli.extensions())?.forVaults.storages,
    signal: cli.signal,
  });
  await refuseMissingFolder(driver);
  const storage = withLimits(driver, cli.options);
  const settings = planRestSettings({
    listen: flags.listen,
    auth: flags.auth,
    htpasswd: flags.htpasswd ?? (flags.auth ? await usersBeside(storage) : undefined),
    privateRepos: flags.privateRepos,
    tlsCert: flags.tlsCert,
    tlsKey: flags.tlsKey,
  });
  settings.warnings.forEach(cli.warn);
  const onEvent = eventPrinter(cli);
  const accounts = await openAccounts(settings, cli, onEvent);
  await using server = await startRestServer(
    storage,
    {
      listen: settings.listen,
      access: accessOf(settings, accounts),
      tls: await loadTls(settings.tls),
      appendOnly: cli.options.appendOnly,
      maxTotalBytes: flags.maxSize,
      onEvent,
    },
    { signal: cli.signal },
  );
  using _reload = onHangup(() => reload(settings, accounts, server, cli));
  await announce(cli, server, storage);
  await aborted(cli.signal);
}

async function chosenVault(cli: CliContext): Promise<VaultChoice> {
  const choice = await chooseVault(cli.options.vault, cli.env, cli.config);
  if (choice.kind !== 'default') return choice;
  throw new CairnError('USAGE', 'what to serve is not said', {
    hint: 'Name a folder or a storage URL, as in `cairn serve --rest /srv/backups`.',
  });
}

/** What the user asked of the storage. No retries: clients try again, and wait for an answer until then. */
function withLimits(driver: Storage, options: GlobalOptions): Storage {
  const { connections, limitUpload, limitDownload } = options;
  const isLimited = connections !== undefined || limitUpload !== undefined || limitDownload !== undefined;
  const storage = isLimited
    ? limited(driver, {
        ...(connections === undefined ? {} : { connections }),
        uploadBytesPerSecond: limitUpload === undefined ? undefined : limitUpload * 1024,
        downloadBytesPerSecond: limitDownload === undefined ? undefined : limitDownload * 1024,
      })
    : driver;
  return options.readOnly ? readOnlyStorage(storage) : storage;
}

/** A disk that is not mounted must not be served as an empty place. */
async function refuseMissingFolder({ features: { localPath }, url }: Storage): Promise<void> {
  if (localPath === undefined) return;
  const isFolder = await stat(localPath).then(
    (status) => status.isDirectory(),
    () => false,
  );
  if (isFolder) return;
  throw new CairnError('STORAGE_UNREACHABLE', `there is no directory ${url}`, {
    hint: 'Check that the disk is mounted, or make the directory.',
  });
}

/** Where rest-server has its users; no request can reach it. */
async function usersBeside({ features: { localPath } }: Storage): Promise<string | undefined> {
  if (localPath === undefined) return undefined;
  const file = join(localPath, '.htpasswd');
  return stat(file).then(
    () => file,
    () => undefined,
  );
}

async function openAccounts(
  { htpasswd }: RestSettings,
  cli: CliContext,
  onEvent: (event: ServerEvent) => void,
): Promise<Accounts | undefined> {
  if (htpasswd === undefined) return undefined;
  const accounts = await Accounts.open(htpasswd, {
    onNotice: (level, message) => onEvent({ type: 'notice', level, message }),
  });
  const { mode } = await stat(htpasswd);
  if ((mode & 0o004) !== 0) cli.warn(`${htpasswd} can be read by every user of this machine`);
  return accounts;
}

function accessOf({ listen, privateRepos }: RestSettings, accounts: Accounts | undefined): Access {
  if (accounts === undefined) return { kind: 'open', localOnly: listen.kind === 'tcp' && isLocalAddress(listen) };
  return { kind: 'users', accounts, privateRepos };
}

async function reload(
  settings: RestSettings,
  accounts: Accounts | undefined,
  server: RestServer,
  cli: CliContext,
): Promise<void> {
  await accounts?.reload();
  await renewTls(cli, server, settings.tls);
}

async function announce(cli: CliContext, server: RestServer, storage: Storage): Promise<void> {
  const { appendOnly, readOnly } = cli.options;
  if (cli.options.json) {
    const { url } = server;
    await printLine(cli, { schema: 1, type: 'listening', url, storage: storage.url, appendOnly, readOnly });
    return;
  }
  const { quota } = server;
  const room = quota === undefined ? '' : `, ${formatBytes(quota.usedBytes)} of ${formatBytes(quota.maxBytes)} used`;
  cli.info(
    `serving ${storage.url} at ${server.url}${readOnly ? ', read-only' : appendOnly ? ', append-only' : ''}${room}`,
  );
}
