import type { Outcome, OutcomeSubject } from './outcome.ts';

/** What a notifier is asked to tell. */
export type NotificationMessage =
  /** An action begins; only told to those who ask for `<action>.before`, and to pings. */
  | { readonly kind: 'started'; readonly subject: OutcomeSubject }
  | { readonly kind: 'ended'; readonly outcome: Outcome }
  /** Several outcomes in one message. `omitted` more were too many to keep. */
  | {
      readonly kind: 'digest';
      readonly outcomes: readonly Outcome[];
      readonly omitted: number;
      readonly since: Date;
      readonly until: Date;
    }
  /** Asked for by somebody who wants to see whether messages arrive. */
  | { readonly kind: 'test'; readonly notifier: string; readonly host: string; readonly time: Date };

export interface DeliveryContext {
  /** Aborts when the time of this delivery is over. */
  readonly signal: AbortSignal;
  /** Milliseconds until then. */
  readonly remainingMs: () => number;
}

/** A way to tell somebody. */
export interface Notifier {
  /** As the configuration calls it. */
  readonly name: string;
  /** Resolves once the other side has taken the message; throws where it has not. Called one at a time. */
  deliver(message: NotificationMessage, context: DeliveryContext): Promise<void>;
}
