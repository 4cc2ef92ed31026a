/** Envelopes and replies as the cluster encodes them, each with ids of its own. */
import { type Envelope, MachineId, type Reply, Snowflake } from "effect/cluster"

let made = 0
export const newId = (timestamp = Date.now()): string =>
  String(Snowflake.make({ timestamp, machineId: MachineId.make(1), sequence: ++made }))

export const shardOf = ({ address }: Envelope.Encoded): string => `${address.shardId.group}:${address.shardId.id}`

/** To an entity that no other request is for, on a shard of its own. */
export const request = (
  more: Partial<Omit<Envelope.PartialRequestEncoded, "_tag">> = {}
): Envelope.PartialRequestEncoded => {
  const requestId = newId()
  return {
    _tag: "Request",
    requestId,
    address: { shardId: { group: "case", id: ++made }, entityType: "Case", entityId: `entity-${made}` },
    tag: "Do",
    payload: { n: 1, text: "päyload" },
    headers: { "x-case": "1" },
    ...more
  }
}

export const exit = ({ requestId }: { readonly requestId: string }, value: unknown = "done"): Reply.Encoded => ({
  _tag: "WithExit",
  id: newId(),
  requestId,
  exit: { _tag: "Success", value }
})

export const chunk = ({ requestId }: { readonly requestId: string }, sequence: number): Reply.Encoded => ({
  _tag: "Chunk",
  id: newId(),
  requestId,
  sequence,
  values: [sequence]
})

export const ack = ({ address, requestId }: Envelope.PartialRequestEncoded, { id }: Reply.Encoded): Envelope.Encoded =>
  ({ _tag: "AckChunk", id: newId(), address, requestId, replyId: id }) as Envelope.Encoded

export const interrupt = ({ address, requestId }: Envelope.PartialRequestEncoded): Envelope.Encoded =>
  ({ _tag: "Interrupt", id: newId(), address, requestId }) as Envelope.Encoded
