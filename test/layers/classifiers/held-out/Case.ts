import type { Classified } from "../../../../src/domain/failures/Classified.ts"

/** A failure that is not in the atlas, labelled from its source before any rule had seen it. */
export interface Case {
  readonly id: string
  readonly operation: string
  readonly input: unknown
  readonly category: Classified["category"]
  readonly retryable: boolean
  readonly sideEffect: Classified["sideEffect"]
  /** Repeating it by itself, or taking it for not happened, does harm. */
  readonly dangerous: boolean
}

type Label = readonly [Classified["category"], "retry" | "stop", Classified["sideEffect"], "dangerous"?]

export const held = (id: string, operation: string, input: unknown, label: Label): Case => ({
  id,
  operation,
  input,
  category: label[0],
  retryable: label[1] === "retry",
  sideEffect: label[2],
  dangerous: label[3] === "dangerous"
})

/** An answer of an HTTP server; a body that is not text is sent as JSON. */
export const reply = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: {
    "content-type": typeof body === "string" ? "text/html; charset=utf-8" : "application/json",
    ...headers
  },
  body: typeof body === "string" ? body : JSON.stringify(body)
})

/** A stream of server-sent events, each with the type that its data names. */
export const stream = (...events: ReadonlyArray<unknown>) => ({
  status: 200,
  headers: { "content-type": "text/event-stream; charset=utf-8" },
  body: events
    .map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`)
    .join("")
})
