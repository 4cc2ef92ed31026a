export interface Peer {
  readonly version: string
  readonly note?: string
  readonly task: (n: number) => Promise<unknown>
  readonly submit?: (n: number) => Promise<unknown>
  readonly drained?: (count: number) => Promise<unknown>
  readonly keyed?: (key: string) => Promise<unknown>
}

export declare const serve: (peer: Peer) => void
