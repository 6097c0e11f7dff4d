import { type Server, type Socket, connect, createServer } from "node:net"
import { Effect } from "effect"

export interface Counted {
  /** Statements that were executed, and transactions that ended. */
  readonly statements: number
  readonly transactions: number
}

/** Reads PostgreSQL's protocol just so far as to know which messages go by; `first`: without a type, as a client begins. */
const messages = (onMessage: (type: string, firstByte: number) => void, first: boolean) => {
  let untyped = first
  let header = Buffer.alloc(0)
  let left = 0
  let type = ""
  let wantsByte = false
  return (chunk: Buffer) => {
    let at = 0
    while (at < chunk.length) {
      if (left > 0) {
        if (wantsByte) {
          wantsByte = false
          onMessage(type, chunk[at] ?? 0)
        }
        const skipped = Math.min(left, chunk.length - at)
        at += skipped
        left -= skipped
        continue
      }
      const wanted = (untyped ? 4 : 5) - header.length
      header = Buffer.concat([header, chunk.subarray(at, at + wanted)])
      at += Math.min(wanted, chunk.length - at)
      if (header.length < (untyped ? 4 : 5)) return
      type = untyped ? "" : String.fromCharCode(header[0] ?? 0)
      left = header.readInt32BE(untyped ? 0 : 1) - 4
      wantsByte = left > 0
      if (left === 0) onMessage(type, 0)
      untyped = false
      header = Buffer.alloc(0)
    }
  }
}

const idle = "I".charCodeAt(0)

/** A relay to the server at `port` of this machine that counts what goes through it, until the scope closes. */
export const relay = Effect.fnUntraced(function* (port: number) {
  let statements = 0
  let transactions = 0
  const sockets = new Set<Socket>()
  const serve = (client: Socket) => {
    const server = connect(port, "127.0.0.1")
    let executed = 0
    const asked = messages((type) => {
      if (type !== "Q" && type !== "E") return
      statements++
      executed++
    }, true)
    const answered = messages((type, status) => {
      if (type !== "Z" || status !== idle || executed === 0) return
      transactions++
      executed = 0
    }, false)
    for (const [from, to, look] of [
      [client, server, asked],
      [server, client, answered]
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on("data", (chunk: Buffer) => {
        look(chunk)
        to.write(chunk)
      })
      from.on("error", () => to.destroy())
      from.on("close", () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  }
  const server: Server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const listening = createServer(serve)
      listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) =>
      Effect.sync(() => {
        listening.close()
        for (const socket of sockets) socket.destroy()
      })
  )
  const address = server.address()
  return {
    port: address !== null && typeof address === "object" ? address.port : 0,
    counted: (): Counted => ({ statements, transactions })
  }
})
