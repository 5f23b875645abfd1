// What a notifier of a plugin is told. The notifications of the layer above tell more; this much will stay.

/** What was to be done, where. */
export interface NotifierSubject {
  /** `backup`, `restore`, `prune`, … */
  readonly action: string;
  readonly sessionId: string;
  /** Address of the vault, without secrets. */
  readonly vault: string;
  readonly host: string;
  readonly started: Date;
}

/** How it ended. */
export interface NotifierOutcome extends NotifierSubject {
  readonly status: 'ok' | 'partial' | 'failed';
  readonly ended: Date;
  readonly summary: string;
  readonly backup?: { readonly id: string; readonly name: string } | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** `test`: somebody wants to see whether messages arrive. It never holds a secret. */
export type NotifierMessage =
  | { readonly kind: 'started'; readonly subject: NotifierSubject }
  | { readonly kind: 'ended'; readonly outcome: NotifierOutcome }
  | { readonly kind: 'digest'; readonly outcomes: readonly NotifierOutcome[] }
  | { readonly kind: 'test' };

export interface PluginNotifier {
  /** Resolves once the other side has taken the message; throws where it has not. Called one at a time. */
  readonly deliver: (message: NotifierMessage, context: { readonly signal: AbortSignal }) => Promise<void>;
}

/** Makes a notifier of what stands under `notifications:`. Throws where that makes no sense. */
export type NotifierFactory = (options: Readonly<Record<string, unknown>>) => PluginNotifier;
