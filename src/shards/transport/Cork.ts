/** Connections that carry many small messages: a system call for each would cost more than the message. */
import type { Socket } from "node:net"

/**
 * Bytes that may wait in a connection before a writer is told to wait. Each writer that waits is a listener, and to
 * remove one of thousands takes as long as they are many.
 */
const waitingBytes = 16 * 1024 * 1024

/**
 * From now on, what is written in one turn of the event loop leaves in one system call, at its end. Order is the
 * connection's own.
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
