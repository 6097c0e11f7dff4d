import { createServer, type ServerResponse } from "node:http"
import { Effect, Schema } from "effect"
import type { WorkOrderId } from "../../src/domain/Ids.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { Bill, Call, Outcome, RaceAnswer, RaceStart, RaceTurn, Ticket, chance } from "./Messages.ts"

export interface Options {
  readonly seed: number
  /** Of a thousand answered calls, how many answers are lost. */
  readonly lostPerMille: number
  /** The next reservation to attempt; none when there is nothing left to do. */
  readonly nextTicket: () => Ticket | undefined
  /** The order that both racers reserve for next; none when the race is over. */
  readonly nextRace: () => WorkOrderId | undefined
  readonly onRaced: (answers: ReadonlyArray<typeof RaceAnswer.Type>) => void
}

const json = <S extends Schema.Codec<unknown, unknown>>(schema: S) => ({
  read: Schema.decodeUnknownSync(Schema.fromJsonString(Schema.toCodecJson(schema))),
  write: Schema.encodeSync(Schema.fromJsonString(Schema.toCodecJson(schema)))
})
const outcome = json(Outcome)
const ticket = json(Ticket)
const call = json(Call)
const bill = json(Bill)
const turn = json(RaceTurn)
const start = json(RaceStart)

const answer = (response: ServerResponse, text: string | undefined) => {
  response.writeHead(text === undefined ? 204 : 200, { "content-type": "application/json" })
  response.end(text)
}

/** Hands out work and plays the provider, which keeps an account of its own; until the scope closes. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const account = new Map<string, Usd>()
  const outcomes = { done: 0, refused: 0, unavailable: 0 }
  let lost = 0
  let met = 0

  /** Answers two at once. Who is told first is left to chance. */
  const barrier = (together: (answers: ReadonlyArray<typeof RaceAnswer.Type>) => string | undefined) => {
    const waiting: Array<{ readonly turn: typeof RaceTurn.Type; readonly response: ServerResponse }> = []
    return (body: string, response: ServerResponse) => {
      waiting.push({ turn: turn.read(body), response })
      if (waiting.length < 2) return
      const both = waiting.splice(0).toSorted((a, b) => a.turn.racer - b.turn.racer)
      const text = together(both.map(({ turn }) => turn.answer))
      const told = chance(options.seed, "first", ++met) < 0.5 ? both : both.toReversed()
      for (const { response } of told) answer(response, text)
    }
  }

  const routes: Readonly<Record<string, (body: string, response: ServerResponse) => void>> = {
    "/ticket": (body, response) => {
      const last = outcome.read(body)
      if (last !== null) outcomes[last]++
      const next = options.nextTicket()
      answer(response, next === undefined ? undefined : ticket.write(next))
    },
    "/call": (body, response) => {
      const { reservation, worstCase } = call.read(body)
      const known = account.get(reservation)
      // Paid for as soon as it was asked, whether or not anybody hears the answer. A quarter of the worst case on
      // average: what is left of a day is fought over for long.
      const share = chance(options.seed, "bill", account.size) ** 3
      const amount = known ?? Usd.make(Math.floor(share * (worstCase + 1)))
      account.set(reservation, amount)
      if (chance(options.seed, "lost", account.size) < options.lostPerMille / 1000) {
        lost++
        response.destroy()
        return
      }
      answer(response, bill.write({ bill: amount }))
    },
    "/ready": barrier(() => {
      const order = options.nextRace()
      return order === undefined ? undefined : start.write({ order })
    }),
    "/raced": barrier((answers) => {
      options.onRaced(answers)
      return undefined
    })
  }

  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => routes[request.url ?? ""]?.(Buffer.concat(chunks).toString("utf8"), response))
  })
  // On a busy machine a worker may reuse a connection just when an idle one would be closed.
  server.keepAliveTimeout = 600_000
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return { url: `http://127.0.0.1:${port}`, account, outcomes, lost: () => lost }
})
