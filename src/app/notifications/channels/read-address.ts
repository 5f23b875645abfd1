import { hasCode } from '../../../base/errors.ts';
import { refuseInClear } from '../../../storage/drivers/http/clear-text.ts';
import type { SecretSource } from '../secret-source.ts';
import type { ChannelTools } from './channel-tools.ts';

/** Ids and tokens: long, and neither a word nor a number. */
const TOKEN = /^(?=.*\d)(?=.*[a-z])[\w.~=-]{16,}$/iu;

/**
 * The address of a service. Where all that lets somebody in is that address, whoever reads it on its way can send as we do:
 * that is warned of, once, and not refused, since nobody can tell such an address from a path for certain.
 */
export async function readAddress(tools: ChannelTools, name: string, source: SecretSource): Promise<string> {
  const text = await tools.readSecret(source);
  const url = URL.parse(text.trim());
  if (url?.protocol === 'http:' && looksLikeKey(url) && isReadable(url, tools.env)) {
    tools.warnOnce(
      `the address of the notifier ${name} looks like a key, and crosses the network readably, since it begins with http://: use https://, or set CAIRN_CLEAR_TEXT_HOSTS=${url.hostname} where that network is safe`,
    );
  }
  return text;
}

/** What is behind a question mark, or a part of the path that nobody would choose. */
function looksLikeKey({ pathname, search }: URL): boolean {
  return search !== '' || pathname.split('/').some((part) => TOKEN.test(part));
}

function isReadable(url: URL, env: NodeJS.ProcessEnv): boolean {
  try {
    refuseInClear(url, env);
    return false;
  } catch (error) {
    if (!hasCode(error, 'SECRET_IN_CLEAR')) throw error;
    return true;
  }
}
