import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request behind the gate. */
export interface RestExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Without the `?`. */
  readonly query: string;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Tells a client that waits for it (`Expect: 100-continue`) to send its body. */
  readonly inviteBody: () => void;
  readonly onReceived: (bytes: number) => void;
  readonly onSent: (bytes: number) => void;
}
