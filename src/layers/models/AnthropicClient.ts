import Anthropic from "@anthropic-ai/sdk"
import { boundedFetch, timeoutMs } from "./BoundedFetch.ts"

/**
 * The official client with nothing left to chance: no retries (every call is paid for), no logging, no
 * redirects (they would carry the prompt elsewhere), and nothing taken from the environment.
 */
export const make = (options: { readonly apiKey: string; readonly baseUrl: string }): Anthropic =>
  new Anthropic({
    apiKey: options.apiKey,
    baseURL: options.baseUrl,
    authToken: null,
    credentials: null,
    config: null,
    profile: null,
    webhookKey: null,
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: "off",
    openTelemetry: false,
    fetch: boundedFetch,
    fetchOptions: { redirect: "manual" }
  })
