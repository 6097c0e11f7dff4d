import OpenAI from "openai"
import { Limits } from "../../domain/policies/Limits.ts"
import { ReplyTooLong } from "./OpenAiFailure.ts"

/** The official client's errors drop a body that has no `error` in it; compatible servers send such bodies. */
class Client extends OpenAI {
  protected override makeStatusError(
    status: number,
    error: object,
    message: string | undefined,
    headers: Headers
  ) {
    return new OpenAI.APIError(status, error, message, headers)
  }
}

/** `fetch`, except that a body longer than `Limits.modelReplyBytesMax` fails instead of filling the memory. */
const boundedFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
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
const timeoutMs = 2 ** 31 - 1

/**
 * The official client with nothing left to chance: no retries (every call is paid for), no logging, no
 * redirects (they would carry the prompt elsewhere), and nothing taken from the environment.
 */
export const make = (options: { readonly apiKey: string; readonly baseUrl: string }): OpenAI =>
  new Client({
    apiKey: options.apiKey,
    baseURL: options.baseUrl,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: "off",
    fetch: boundedFetch,
    fetchOptions: { redirect: "manual" }
  })
