/**
 * The layers that limit work, each by its name in refusals (`layer`) and in what waiting work waits for. They are asked
 * in this order: tenant, deployment, lane, session, instance. The first that has no room answers.
 */
export const layers = {
  deployment: "deployment",
  tenant: (tenantId: string): string => `tenant ${tenantId}`,
  lane: (lane: string): string => `lane ${lane}`,
  session: (sessionId: string): string => `session ${sessionId}`,
  instance: (instanceId: string): string => `instance ${instanceId}`
}
