/** Connections that carry many small messages: a system call for each would cost more than the message. */
import type { Socket } from "node:net"

/** From now on, what is written in one turn of the event loop leaves in one system call, at its end. Order and backpressure are the connection's own. */
export const eachTurn = (socket: Socket): void => {
  const write = socket.write
  let corked = false
  const uncork = () => {
    corked = false
    socket.uncork()
  }
  socket.write = function(this: Socket, ...args: Array<any>) {
    if (!corked) {
      corked = true
      socket.cork()
      setImmediate(uncork)
    }
    return write.apply(socket, args as Parameters<Socket["write"]>)
  } as Socket["write"]
}
