import { Schema } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"

/** The answer was longer than `Limits.modelReplyBytesMax`. */
export class ReplyTooLong extends Schema.TaggedError<ReplyTooLong>()("ReplyTooLong", {
  bytesMax: Schema.Int
}) {
  override get message() {
    return `the answer is longer than ${this.bytesMax} bytes`
  }
}

/** `fetch`, except that a body longer than `Limits.modelReplyBytesMax` fails instead of filling the memory. */
export const boundedFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
  const response = await fetch(input, init)
  if (response.body === null) return response
  let bytes = 0
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength
      if (bytes > Limits.modelReplyBytesMax)
        controller.error(new ReplyTooLong({ bytesMax: Limits.modelReplyBytesMax }))
      else controller.enqueue(chunk)
    }
  })
  const { status, statusText, headers } = response
  return new Response(response.body.pipeThrough(counted), { status, statusText, headers })
}

/** Longest delay that a timer takes; the caller's own timeout, which also covers the body, ends long before it. */
export const timeoutMs = 2 ** 31 - 1
