/** Corks connections that carry many small messages, where a system call for each would cost more than the message. */
import type { Socket } from "node:net"

/**
 * Bytes that may be buffered in a connection before its writers see backpressure. Each waiting writer is a listener,
 * and removing one of thousands takes time proportional to their number.
 */
const waitingBytes = 16 * 1024 * 1024

/**
 * From now on, everything written in one turn of the event loop leaves in one system call at the end of the turn, in
 * the order of the writes.
 */
export const eachTurn = (socket: Socket): void => {
  const write = socket.write
  let corked = false
  const uncork = () => {
    corked = false
    socket.uncork()
  }
  socket.write = function (this: Socket, ...args: Array<any>) {
    if (!corked) {
      corked = true
      socket.cork()
      setImmediate(uncork)
    }
    return write.apply(socket, args as Parameters<Socket["write"]>) || socket.writableLength < waitingBytes
  } as Socket["write"]
}
