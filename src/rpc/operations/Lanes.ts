/** Lanes: order, concurrency, rate and bounds of a tenant's backlog. A lane exists as soon as it is named. */
import { LaneName } from "../../schema/Ids.ts"
import { LaneStatus } from "../../schema/Lane.ts"
import { action } from "../Authentication.ts"
import { ConfigureLane } from "../Requests.ts"
import { list, page, tenant } from "./Fields.ts"
import { change, noun, read } from "./Operation.ts"

const may = { read: action("lane:read", "tenant"), write: action("lane:write", "tenant") }

const Lane = LaneStatus.annotate({ identifier: "Lane", description: "A tenant's backlog of one kind of work." })
const lane = { lane: LaneName, ...tenant }

export const Lanes = noun("Lanes", "Order, concurrency, rate and bounds of a backlog.", {
  configure: change("ConfigureLane", {
    action: may.write,
    summary: "Configure a lane",
    description: "What is left out stays as it is; `ratePerSecond: null` takes the limit away.",
    payload: { ...lane, config: ConfigureLane },
    success: Lane,
    rest: { method: "PUT", path: "/lanes/:lane", bodyField: "config" },
    cli: "lane configure"
  }),
  get: read("GetLane", {
    action: may.read,
    summary: "Get a lane",
    description: "A lane is there as soon as it is named.",
    payload: lane,
    success: Lane,
    rest: { method: "GET", path: "/lanes/:lane" },
    cli: "lane get"
  }),
  list: read("ListLanes", {
    action: may.read,
    summary: "List lanes",
    description: "Those that were ever used or configured.",
    payload: list,
    success: page(Lane, "LanePage"),
    rest: { method: "GET", path: "/lanes" },
    cli: "lane list"
  })
})
