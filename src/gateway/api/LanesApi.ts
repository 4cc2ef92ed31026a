import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ConfigureLane } from "../../rpc/Requests.ts"
import { LaneName } from "../../schema/Ids.ts"
import { LaneStatus } from "../../schema/Lane.ts"
import { pageOf } from "../../schema/Page.ts"
import { keyHeader, listQuery, tenantQuery } from "./Common.ts"
import { Authenticate, Authorise, endpoint } from "./HttpAuthentication.ts"
import { changeProblems, readProblems } from "./Problem.ts"

const Lane = LaneStatus.annotate({ identifier: "Lane", description: "A tenant's backlog of one kind of work." })
const params = { lane: LaneName }

const configure = HttpApiEndpoint.put("configure", "/lanes/:lane", {
  params,
  headers: keyHeader,
  query: tenantQuery,
  payload: ConfigureLane,
  success: Lane,
  error: changeProblems
}).annotateMerge(
  endpoint(
    "lane:write",
    "Configure a lane",
    "What is left out stays as it is; `ratePerSecond: null` takes the limit away."
  )
)

const get = HttpApiEndpoint.get("get", "/lanes/:lane", {
  params,
  query: tenantQuery,
  success: Lane,
  error: readProblems
}).annotateMerge(endpoint("lane:read", "Get a lane", "A lane is there as soon as it is named."))

const list = HttpApiEndpoint.get("list", "/lanes", {
  query: listQuery,
  success: pageOf(Lane).annotate({ identifier: "LanePage" }),
  error: readProblems
}).annotateMerge(endpoint("lane:read", "List lanes", "Those that were ever used or configured."))

export class LanesApi extends HttpApiGroup.make("lanes")
  .add(configure, get, list)
  .middleware(Authorise)
  .middleware(Authenticate)
  .annotateMerge(
    OpenApi.annotations({ title: "Lanes", description: "Order, concurrency, rate and bounds of a backlog." })
  ) {}
