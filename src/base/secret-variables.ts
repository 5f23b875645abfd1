/** Variables that hold a password of ours or of a program that we stand in for; those of files and commands hold none. */
const OF_SECRETS = /^(?:CAIRN|RESTIC|BAKTHAT)_(?:[A-Z0-9]+_)*(?:PASSWORD2?|PASSPHRASE)$/u;

/**
 * An environment for programs that run beside an action (hooks, notifications, rclone, `ProxyCommand`), which may print
 * theirs: without passwords that only we have a use for. Keys of clouds and databases stay, as in restic, borgmatic and
 * kopia: a hook that calls `aws` or `psql` needs them, and which ones nobody but its author knows. Who wants to keep the
 * key of a vault from hooks gives it to that vault alone, in its `env`. What makes the backup or its password (the
 * command of a source, a password command) is the user's own and gets all there is: it may be `restic dump`.
 */
export function withoutSecretVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OF_SECRETS.test(name)));
}
