/** Something worth telling a person. It never holds a secret. */
export interface NotifierMessage {
  readonly severity: 'info' | 'warning' | 'error';
  /** Such as `backup.failed`. */
  readonly event: string;
  readonly title: string;
  readonly text: string;
}

export interface PluginNotifier {
  send(message: NotifierMessage, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Makes a notifier of what the configuration says under `notifications:`. Throws where that makes no sense. */
export type NotifierFactory = (options: Readonly<Record<string, unknown>>) => PluginNotifier;
