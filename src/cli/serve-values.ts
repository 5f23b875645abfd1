// `cairn serve --values`: answers the URLs that `cairn kv url` makes.
import { CairnError } from '../base/errors.ts';
import { isLocalAddress, parseListenAddress } from '../server/http/listen-address.ts';
import { planTls } from '../server/rest/rest-settings.ts';
import { startValuesServer } from '../server/values/values-server.ts';
import type { ServeFlags } from './commands/serve.ts';
import type { CliContext } from './context.ts';
import { openCliVault } from './open-cli-vault.ts';
import { aborted, eventPrinter, loadTls, onHangup, printLine, renewTls } from './serving.ts';

export async function serveValues(cli: CliContext, path: string | undefined, flags: ServeFlags): Promise<void> {
  refuseOthers(path, flags);
  const listen = parseListenAddress(flags.listen);
  const tls = planTls({ tlsCert: flags.tlsCert, tlsKey: flags.tlsKey });
  if (!isLocalAddress(listen) && tls === undefined) {
    cli.warn('without TLS, values and their URLs cross the network readably; give --tls-cert and --tls-key');
  }
  await using vault = await openCliVault(cli);
  await using server = await startValuesServer(vault.values, {
    listen,
    tls: await loadTls(tls),
    onEvent: eventPrinter(cli),
  });
  using _reload = onHangup(() => renewTls(cli, server, tls));
  if (cli.options.json) {
    await printLine(cli, { schema: 1, type: 'listening', url: server.url, vault: vault.url });
  } else {
    cli.info(`answering the URLs of values in ${vault.url} at ${server.url}`);
  }
  await aborted(cli.signal);
}

/** Options that would be ignored are refused: who gives them counts on them. */
function refuseOthers(path: string | undefined, { auth, htpasswd, privateRepos, maxSize }: ServeFlags): void {
  const given = [
    path === undefined ? undefined : 'a path',
    auth ? undefined : '--no-auth',
    htpasswd === undefined ? undefined : '--htpasswd',
    privateRepos ? '--private-repos' : undefined,
    maxSize === undefined ? undefined : '--max-size',
  ].find((option) => option !== undefined);
  if (given === undefined) return;
  throw new CairnError('USAGE', `${given} means nothing with --values`, {
    hint: 'The vault is that of --vault or CAIRN_VAULT, and who may read a value is in its URL.',
  });
}
