/** The version that is installed beside the script. */
import { readFileSync } from "node:fs"

export const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")).version
