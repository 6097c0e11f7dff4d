import OpenAI from "openai"
import { boundedFetch, timeoutMs } from "./BoundedFetch.ts"

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
