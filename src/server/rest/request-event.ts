/** One request, for logs and numbers. Has no header and no query: those may hold secrets. */
export interface RequestEvent {
  readonly type: 'request';
  readonly address: string;
  readonly user: string | undefined;
  readonly method: string;
  /** As it came, cut to a length for people: hostile until escaped. */
  readonly path: string;
  /** 0 where the connection ended before an answer. */
  readonly status: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly durationMs: number;
}

/** What a server tells. */
export type RestServerEvent =
  | RequestEvent
  /** An error of the storage or of the server itself, which a client got as a status only. */
  | { readonly type: 'failure'; readonly method: string; readonly path: string; readonly error: unknown }
  | { readonly type: 'notice'; readonly level: 'info' | 'warning'; readonly message: string };
