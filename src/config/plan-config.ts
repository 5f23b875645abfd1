import type { HooksConfig } from './hook-config.ts';
import type { RotationConfig } from './rotation-config.ts';

/** Sources that are backed up together, and what follows. */
export interface PlanConfig {
  /** Names of sources, in the order in which they run. */
  readonly sources: readonly [string, ...string[]];
  /** Name of a vault; that of `default` where it is absent. */
  readonly vault?: string;
  /** When it runs, as text: what schedules is what reads it. */
  readonly schedule?: string;
  /** A backup is overdue when there is none for so long, such as `1D`. */
  readonly every?: string;
  /** Applied to the backups of each source that was saved. */
  readonly keep?: RotationConfig;
  readonly tags: readonly string[];
  /** Names of notifications; all where it is absent. */
  readonly notifications?: readonly string[];
  readonly hooks: HooksConfig;
}
