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

/** Counts what comes of one body, and throws ReplyTooLong past `Limits.modelReplyBytesMax`. */
const counter = () => {
  let bytes = 0
  return (chunk: Uint8Array): void => {
    bytes += chunk.byteLength
    if (bytes > Limits.modelReplyBytesMax) throw new ReplyTooLong({ bytesMax: Limits.modelReplyBytesMax })
  }
}

/**
 * Reads a body piece by piece: undefined at its end, and an error where it is longer than `Limits.modelReplyBytesMax`,
 * instead of filling the memory.
 */
export const boundedReader = (body: AsyncIterable<Uint8Array>): (() => Promise<Uint8Array | undefined>) => {
  const count = counter()
  const pieces = body[Symbol.asyncIterator]()
  return async () => {
    const { done, value } = await pieces.next()
    if (done === true) return undefined
    count(value)
    return value
  }
}

/** `fetch` for those who read the body by themselves, with the same bound. */
export const boundedFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
  const response = await fetch(input, init)
  if (response.body === null) return response
  const count = counter()
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      count(chunk)
      controller.enqueue(chunk)
    }
  })
  const { status, statusText, headers } = response
  return new Response(response.body.pipeThrough(counted), { status, statusText, headers })
}

/** Longest delay that a timer takes; the caller's own timeout, which also covers the body, ends long before it. */
export const timeoutMs = 2 ** 31 - 1
