/**
 * What the output goes to. Plain unless the entry point says otherwise, so that what is piped or tested has no colours.
 */
import { Context } from "effect"

export interface Screen {
  readonly isTty: boolean
  readonly hasColour: boolean
  /** Widest line of a table; `Infinity` cuts nothing. */
  readonly columns: number
}

export const plain: Screen = { isTty: false, hasColour: false, columns: Number.POSITIVE_INFINITY }

export const Screen = Context.Reference<Screen>("clawster/cli/Screen", { defaultValue: () => plain })

export type Colour = "green" | "yellow" | "red" | "cyan" | "dim" | "bold"

const codes: Record<Colour, number> = { green: 32, yellow: 33, red: 31, cyan: 36, dim: 2, bold: 1 }

export const paint = ({ hasColour }: Screen, colour: Colour | undefined, text: string): string =>
  !hasColour || colour === undefined || text === "" ? text : `\u001b[${codes[colour]}m${text}\u001b[0m`
