/** Variables that hold a password of ours or of a program that we stand in for; those of files and commands hold none. */
const OF_SECRETS = /^(?:CAIRN|RESTIC|BAKTHAT)_(?:[A-Z0-9]+_)*(?:PASSWORD2?|PASSPHRASE)$/u;

/** An environment for programs of others, which may print theirs. */
export function withoutSecretVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OF_SECRETS.test(name)));
}
