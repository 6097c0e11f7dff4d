import { type IncomingHttpHeaders, type IncomingMessage, request as plainly } from "node:http"
import { request as encrypted } from "node:https"
import { boundedReader } from "../models/BoundedFetch.ts"

/** An answer that has begun. */
export interface Posted {
  readonly status: number
  /** Their names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  /** The next piece of the body; undefined at its end. Throws past `Limits.modelReplyBytesMax`. */
  readonly read: () => Promise<Uint8Array | undefined>
}

const textsOf = (headers: IncomingHttpHeaders): Record<string, string> => {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) texts[name] = typeof value === "string" ? value : value.join(", ")
  }
  return texts
}

/**
 * Sends one request and answers when the head of its answer is there; nothing is repeated, nor is a redirection
 * followed. By Node's own client rather than by `fetch`, which makes several streams of each body: of what the gateway
 * adds to a call that was a third at the worst. Its connections are kept for the next call.
 */
export const post = (options: {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
}): Promise<Posted> =>
  new Promise((resolve, reject) => {
    const send = options.url.startsWith("https:") ? encrypted : plainly
    const request = send(options.url, {
      method: "POST",
      // What comes is handed on and journaled as it is, so it must not be compressed.
      headers: { ...options.headers, accept: "*/*", "accept-encoding": "identity", "user-agent": "moose" },
      signal: options.signal
    })
    request.on("error", reject)
    request.once("response", (response: IncomingMessage) =>
      resolve({
        status: response.statusCode ?? 0,
        headers: textsOf(response.headers),
        read: boundedReader(response)
      })
    )
    request.end(options.body)
  })
