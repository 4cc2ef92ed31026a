/** Builds one decision of a session. */
import { DecisionBuilder } from "../../actor/DecisionBuilder.ts"
import type { SessionEvent } from "../../schema/events/SessionEvents.ts"
import { evolve } from "./SessionEvolve.ts"
import type { SessionState } from "./SessionState.ts"

export type SessionDraft = DecisionBuilder<SessionState, SessionEvent>
export const draft = (state: SessionState): SessionDraft => new DecisionBuilder(evolve, state)

export const about = ({ sessionId, tenantId }: SessionState) => ({ tenantId, sessionId })
