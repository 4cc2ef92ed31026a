/**
 * Properties of the output device. The default is plain text, so that piped or tested output has no colours unless the
 * entry point sets them.
 */
import { Context } from "effect"

export interface Screen {
  readonly isTty: boolean
  readonly hasColour: boolean
  /** Maximum width of a table line; with `Infinity` nothing is cut. */
  readonly columns: number
}

export const plain: Screen = { isTty: false, hasColour: false, columns: Number.POSITIVE_INFINITY }

export const Screen = Context.Reference<Screen>("clawster/cli/Screen", { defaultValue: () => plain })

export type Colour = "green" | "yellow" | "red" | "cyan" | "dim" | "bold"

const codes: Record<Colour, number> = { green: 32, yellow: 33, red: 31, cyan: 36, dim: 2, bold: 1 }

export const paint = ({ hasColour }: Screen, colour: Colour | undefined, text: string): string =>
  !hasColour || colour === undefined || text === "" ? text : `\u001b[${codes[colour]}m${text}\u001b[0m`
