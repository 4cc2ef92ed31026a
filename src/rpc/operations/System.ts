/** The caller, the processes of the cluster, and the feed of events. */
import { Schema } from "effect"
import { RunnerList, ShardList } from "../../schema/ClusterStatus.ts"
import { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import { InstanceId, SessionId, TaskId } from "../../schema/Ids.ts"
import { Principal } from "../../schema/access/Principal.ts"
import { bounds, list as listOf, text } from "../../schema/text/Bounds.ts"
import { action } from "../Authentication.ts"
import { tenant } from "./Fields.ts"
import { noun, read, stream } from "./Operation.ts"

const selfRead = action("self:read", "tenant")
export const eventRead = action("event:read", "tenant")
export const systemRead = action("system:read", "operator")

export const System = noun("System", "The caller, health and metrics.", {
  me: read("Me", {
    action: selfRead,
    summary: "Get the caller",
    description: "The key's id, role and tenant, as the server sees them.",
    payload: {},
    success: Principal.annotate({ identifier: "Principal", description: "Whose key this is." }),
    rest: { method: "GET", path: "/me" },
    cli: "status"
  }),
  runners: read("ListRunners", {
    action: systemRead,
    summary: "List runners",
    description: "Each with its lease, its shards, what it holds of its machine, and why it does not serve.",
    payload: {},
    success: RunnerList,
    rest: { method: "GET", path: "/runners" },
    cli: "runners"
  }),
  shards: read("ListShards", {
    action: systemRead,
    summary: "List shards",
    description: "By placement and owner. Without `owner`: those that no live runner owns.",
    payload: {},
    success: ShardList,
    rest: { method: "GET", path: "/shards" },
    cli: "shards"
  }),
  /** Not of REST: every list there says its position, and `/events` begins with it. */
  position: read("FeedPosition", {
    action: eventRead,
    summary: "Get the feed's position",
    description: "After everything committed so far.",
    payload: {},
    success: Schema.Struct({ position: Cursor }),
    cli: "status"
  }),
  /** Not of REST, which serves the feed over the WebSocket `/events`. */
  follow: stream("FollowEvents", {
    action: eventRead,
    summary: "Follow the feed",
    description:
      "Events after `cursor` (absent: from now on), without gap, repeat or end, including the notices of the feed itself: `feed.gap` where events after the cursor are no longer kept. `types` filters by type, such as `task.*`. A cursor that this cluster never issued is refused with `InvalidInput`.",
    payload: {
      ...tenant,
      cursor: Schema.optionalKey(Cursor),
      types: Schema.optionalKey(listOf(text(bounds.label), 64)),
      /** Only events about this task, session or instance. */
      taskId: Schema.optionalKey(TaskId),
      sessionId: Schema.optionalKey(SessionId),
      instanceId: Schema.optionalKey(InstanceId)
    },
    success: FeedEvent,
    cli: "task events"
  })
})
