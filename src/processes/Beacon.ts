/**
 * A socket in a folder by which others learn that its holder lives, where numbers of processes tell nothing: in another container, with another process
 * namespace and the same folder. The system answers for it, also while the holder is frozen, and stops when the holder ends, however it does.
 */
import { Effect } from "effect"
import { closeSync, constants, existsSync, openSync, rmSync } from "node:fs"
import { createConnection, createServer } from "node:net"
import { join } from "node:path"

/** The path of a socket may have some hundred bytes; that of the folder's descriptor is short. */
const withShortPath = <A>(folder: string, name: string, use: (path: string, close: () => void) => A): A => {
  if (!existsSync("/proc/self/fd")) return use(join(folder, name), () => undefined)
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  return use(`/proc/self/fd/${descriptor}/${name}`, () => closeSync(descriptor))
}

/** Whether somebody holds it. */
export const isLit = (folder: string, name: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    if (!existsSync(join(folder, name))) return resume(Effect.succeed(false))
    withShortPath(folder, name, (path, close) => {
      const socket = createConnection({ path })
      const answer = (lit: boolean) => {
        socket.destroy()
        close()
        resume(Effect.succeed(lit))
      }
      socket.once("connect", () => answer(true))
      socket.once("error", () => answer(false))
    })
  })

/** Until the scope closes. What somebody who is gone left there is replaced. Where the file system has no sockets, nothing is lit. */
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
