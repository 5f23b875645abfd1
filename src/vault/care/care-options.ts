/** How an action that changes a vault is asked for. */
export interface CareOptions<Plan> {
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean | undefined;
  /** Called with what is about to be done, under the lock. When it rejects, nothing is done and that is the error. */
  readonly onPlan?: ((plan: Plan) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}
