import type { Clock } from '../../../base/clock.ts';
import type { HttpClient } from '../../../storage/drivers/http/http-client.ts';
import type { PostTools } from '../post-message.ts';
import type { ReadSecret } from '../secret-source.ts';

/** What a channel needs to deliver. */
export interface ChannelTools {
  readonly readSecret: ReadSecret;
  /** Opened with the first message over HTTP, and shared. */
  readonly http: () => Promise<HttpClient>;
  readonly clock: Clock;
  /** What programs get, but for secrets. */
  readonly env: NodeJS.ProcessEnv;
  /** Tells the user something that stops nothing; the same text once only. */
  readonly warnOnce: (text: string) => void;
}

export async function postTools({ http, clock }: ChannelTools): Promise<PostTools> {
  return { http: await http(), clock };
}
