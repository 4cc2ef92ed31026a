/** The key with which a home's runners encrypt secrets: made once, in a file that only its owner can read. */
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { chmodSync, existsSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const keyBytes = 32

/** The file's path. The key's id is drawn, so that it is no other home's. */
export const ensure = (home: string) =>
  Effect.sync(() => {
    const file = join(home, "secret.keys")
    if (existsSync(file)) return file
    const key = `up-${randomBytes(4).toString("hex")}:${randomBytes(keyBytes).toString("base64")}\n`
    // On the disk before any secret is encrypted with it: without the key these are lost.
    const draft = `${file}.new`
    writeFileSync(draft, key, { mode: 0o600, flush: true })
    chmodSync(draft, 0o600)
    renameSync(draft, file)
    return file
  })
