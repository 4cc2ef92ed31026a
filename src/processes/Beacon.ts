/**
 * A socket in a folder by which others learn that its holder lives, where numbers of processes tell nothing: in another
 * container, with another process namespace and the same folder. The system answers for it, also while the holder is
 * frozen, and stops when the holder ends, however it does.
 */
import { Effect } from "effect"
import { closeSync, constants, existsSync, openSync, rmSync } from "node:fs"
import { createConnection, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { callbackWith } from "../resources/Callback.ts"

/** The path of a socket may have some hundred bytes; that of the folder's descriptor is short. */
const withShortPath = <A>(folder: string, name: string, use: (path: string, close: () => void) => A): A => {
  if (!existsSync("/proc/self/fd")) return use(join(folder, name), () => undefined)
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  return use(`/proc/self/fd/${descriptor}/${name}`, () => closeSync(descriptor))
}

/** Whether somebody holds it. */
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
 * Until the scope closes. What somebody who is gone left there is replaced. Where the file system has no sockets,
 * nothing is lit.
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
