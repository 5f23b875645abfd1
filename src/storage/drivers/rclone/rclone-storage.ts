import type { Storage, StorageOptions } from '../../storage.ts';
import { openHttpClient } from '../http/http-client.ts';
import { RestConnection, type RestDialect } from '../rest/rest-connection.ts';
import { RestStorage } from '../rest/rest-storage.ts';
import { rcloneFailure } from './rclone-errors.ts';
import { describeRemote } from './rclone-remote.ts';
import { RcloneServer } from './rclone-server.ts';

/**
 * Opens `remote` (`name:path`, as rclone has it) through `rclone serve restic`, which runs until the storage is
 * disposed, or until this process ends in any way. `CAIRN_RCLONE` names another program. Throws `COMMAND_FAILED` where
 * rclone is missing or does not start.
 */
export async function openRcloneStorage(
  remote: string,
  { env = process.env, signal }: StorageOptions & { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Storage> {
  const client = await openHttpClient({ env });
  const server = await RcloneServer.start(remote, env, signal);
  const dialect: RestDialect = {
    url: `rclone:${describeRemote(remote)}`,
    replaces: true,
    hidesFailures: true,
    beforeRequest: () => server.checkAlive(),
    explain: () => server.takeError(),
    judge: rcloneFailure,
    failureHint: 'rclone does not say why. Try `rclone lsd REMOTE:` by hand, which shows what the remote answers.',
    dispose: () => server[Symbol.asyncDispose](),
  };
  return new RestStorage(new RestConnection(client, server.base, server.login, dialect));
}
