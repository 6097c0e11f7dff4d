import { createHash } from "node:crypto"
import { createServer, type ServerResponse } from "node:http"
import { Effect, Schema } from "effect"
import { Proposal } from "../../src/domain/Proposal.ts"
import type * as Plan from "./Plan.ts"

/** One request that the provider got, as its own books have it. */
export interface Call {
  /** Counts from 1. Nothing else has used as many tokens. */
  readonly number: number
  readonly at: number
  /** The same for the same question. */
  readonly question: string
  readonly inputTokens: number
  readonly outputTokens: number
  /** What it is going to be billed, in micro-dollars; 0 for one that was turned away. */
  readonly micros: number
}

const Body = Schema.fromJsonString(Schema.Struct({ messages: Schema.Array(Schema.Unknown) }))
const readBody = Schema.decodeUnknownSync(Body)
const writeReply = Schema.encodeSync(Schema.fromJsonString(Schema.toCodecJson(Proposal)))

/** gpt-5-mini: $0.25 and $2 for a million tokens. Input comes in fours, so that no micro-dollar is broken. */
const price = (inputTokens: number, outputTokens: number) => inputTokens / 4 + outputTokens * 2
const outputTokens = 500

/** A change of its own for each call, so that two of them can be told apart in what comes of them. */
const proposal = (number: number, fits: boolean) =>
  new Proposal({
    summary: `Answer ${number}`,
    edits: fits
      ? [{ _tag: "WholeFile", path: "src/answer.txt", content: `answer ${number}\n` }]
      : [{ _tag: "SearchReplace", path: "src/answer.txt", search: "is not there", replace: String(number) }],
    commitMessage: `Give answer ${number}`,
    pullRequestTitle: `Answer ${number}`,
    pullRequestBody: `This is answer ${number}.`
  })

const send = (response: ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

const refusal = { error: { message: "Not now", type: "server_error" } }

/** A provider of models that keeps its own books; until the scope closes. */
export const make = Effect.fnUntraced(function* (story: Plan.Story) {
  const calls: Array<Call> = []
  let answered = 0
  /** Called with the next request instead of its answer. */
  let instead: (() => void) | undefined

  const turnsAway = () => calls.length === 0 && (story === "busy model" || story === "broken model")

  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const { messages } = readBody(Buffer.concat(chunks).toString("utf8"))
      const question = createHash("sha256").update(JSON.stringify(messages)).digest("hex")
      const number = calls.length + 1
      const away = turnsAway()
      const inputTokens = 1_000 + 4 * number
      const micros = away ? 0 : price(inputTokens, outputTokens)
      calls.push({ number, at: Date.now(), question, inputTokens, outputTokens, micros })
      if (instead !== undefined) {
        const met = instead
        instead = undefined
        // Billed, and never heard of again.
        return met()
      }
      if (away) return send(response, story === "busy model" ? 429 : 500, refusal)
      answered++
      const nonsense = story === "repaired" && answered === 1
      const content = nonsense ? "I would rather not." : writeReply(proposal(number, story !== "rejected"))
      send(response, 200, {
        id: `answer-${number}`,
        object: "chat.completion",
        choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
        usage: {
          prompt_tokens: inputTokens,
          completion_tokens: outputTokens,
          total_tokens: inputTokens + outputTokens
        }
      })
    })
  })
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
  return {
    url: `http://127.0.0.1:${port}`,
    /** Its books. */
    calls: (): ReadonlyArray<Call> => calls,
    /** The next request is taken down and not answered; `met` hears of it. */
    takeDown: (met: () => void) => {
      instead = met
    }
  }
})
export type Model = Effect.Success<ReturnType<typeof make>>
