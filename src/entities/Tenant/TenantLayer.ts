/** Runs the Tenant actors on a runner. */
import * as ActorLayer from "../../actor/ActorLayer.ts"
import * as DomainMetrics from "../../observability/metrics/DomainMetrics.ts"
import { TenantActor } from "./TenantActor.ts"

export const layer = ActorLayer.layer(TenantActor, { onCommitted: DomainMetrics.committed })
