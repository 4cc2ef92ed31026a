/**
 * A socket in a folder that shows other processes that its holder is alive, where a pid does not help: in another
 * container with its own process namespace and the same folder. The operating system accepts connections for it, also
 * while the holder is frozen, and stops when the holder ends, however it ends.
 */
import { Effect } from "effect"
import { closeSync, constants, existsSync, openSync, rmSync } from "node:fs"
import { createConnection, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { callbackWith } from "../resources/Callback.ts"

/** A socket's path is limited to about a hundred bytes; a path through the folder's descriptor is short. */
const withShortPath = <A>(folder: string, name: string, use: (path: string, close: () => void) => A): A => {
  if (!existsSync("/proc/self/fd")) return use(join(folder, name), () => undefined)
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  return use(`/proc/self/fd/${descriptor}/${name}`, () => closeSync(descriptor))
}

/** Whether a process holds the beacon. */
export const isLit = (folder: string, name: string): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    if (!existsSync(join(folder, name))) return Effect.succeed(false)
    return callbackWith<{ readonly socket: Socket; readonly close: () => void }, boolean>(
      (resume) =>
        withShortPath(folder, name, (path, close) => {
          const socket = createConnection({ path })
          socket.once("connect", () => resume(Effect.succeed(true)))
          socket.on("error", () => resume(Effect.succeed(false)))
          return { socket, close }
        }),
      ({ close, socket }) => {
        socket.destroy()
        close()
      }
    )
  })

/**
 * Holds the beacon until the scope closes. A socket left by a process that has ended is replaced. Where the file system
 * has no sockets, there is no beacon.
 */
export const light = (folder: string, name: string) =>
  Effect.acquireRelease(
    Effect.callback<() => void>((resume) => {
      rmSync(join(folder, name), { force: true })
      withShortPath(folder, name, (path, close) => {
        const server = createServer((socket) => socket.destroy())
        server.unref()
        server.once("error", () => {
          close()
          resume(Effect.succeed(() => undefined))
        })
        server.listen(path, () => {
          resume(
            Effect.succeed(() => {
              server.close(close)
              rmSync(join(folder, name), { force: true })
            })
          )
        })
      })
    }),
    (release) => Effect.sync(release)
  )
