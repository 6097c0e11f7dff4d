import { type Case, held, reply, stream } from "./Case.ts"

const error = (type: string, message: string, more: Record<string, unknown> = {}) => ({
  type: "error",
  error: { type, message, ...more },
  request_id: "req_011CYgfUtk9MwsK6mT7vh5QG"
})
const invalid = (message: string) => error("invalid_request_error", message)
const messageStart = {
  type: "message_start",
  message: { id: "msg_01", type: "message", role: "assistant", content: [], usage: { input_tokens: 25 } }
}
const delta = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } }

export const anthropicCases: ReadonlyArray<Case> = [
  // platform.claude.com/docs/en/api/errors: 529, and 401
  held("overloaded 529", "messages", reply(529, error("overloaded_error", "Overloaded")), [
    "transient",
    "retry",
    "none"
  ]),
  held("invalid key", "messages", reply(401, error("authentication_error", "invalid x-api-key")), [
    "configuration",
    "stop",
    "none"
  ]),
  // anthropics/claude-code issues on expired logins
  held(
    "expired login",
    "messages",
    reply(
      401,
      error(
        "authentication_error",
        "OAuth token has expired. Please obtain a new token or refresh your existing token."
      )
    ),
    ["configuration", "stop", "none"]
  ),
  // router-for-me/CLIProxyAPI issue 2442
  held("organization disabled", "messages", reply(400, invalid("This organization has been disabled.")), [
    "configuration",
    "stop",
    "none",
    "dangerous"
  ]),
  // docker/docker-agent issue 569: it says "try again"
  held(
    "input and max_tokens too long",
    "messages",
    reply(
      400,
      invalid(
        "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length or `max_tokens` and try again"
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  // anthropics/claude-code issue 43487
  held("output blocked", "messages", reply(400, invalid("Output blocked by content filtering policy")), [
    "rejected",
    "stop",
    "none",
    "dangerous"
  ]),
  // the same sentence met inside a stream (claude-code issue 58367, second entry): tokens were generated
  held(
    "output blocked mid-stream",
    "messages.stream",
    stream(messageStart, delta, invalid("Output blocked by content filtering policy")),
    ["rejected", "stop", "possible", "dangerous"]
  ),
  // Messages API reference: tool use
  held(
    "unpaired tool use",
    "messages",
    reply(
      400,
      invalid(
        "messages.5: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_01Cn48. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
      )
    ),
    ["permanent", "stop", "none"]
  ),
  held(
    "max_tokens over the model's maximum",
    "messages",
    reply(
      400,
      invalid(
        "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-20250514"
      )
    ),
    ["configuration", "stop", "none"]
  ),
  // Messages API reference: a model that is gone or misspelt
  held("unknown model", "messages", reply(404, error("not_found_error", "model: claude-3-sonnet-20240229")), [
    "configuration",
    "stop",
    "none"
  ]),
  // docs.claude.com/en/api/rate-limits: acceleration and concurrency
  held(
    "concurrent connections",
    "messages",
    reply(
      429,
      error(
        "rate_limit_error",
        "Number of concurrent connections has exceeded your rate limit. Please try again later or contact sales."
      ),
      { "retry-after": "4" }
    ),
    ["transient", "retry", "none"]
  ),
  // anthropics/claude-code issues about the long context beta: a 429 that money solves
  held(
    "extra usage required",
    "messages",
    reply(429, error("rate_limit_error", "Extra usage is required for long context requests.")),
    ["budget", "stop", "none", "dangerous"]
  ),
  // platform.claude.com/docs/api/rate-limits: spend limits, with other words around the code
  held(
    "spend cap by its code",
    "messages",
    reply(
      429,
      error("rate_limit_error", "Access is paused until the first of the month.", {
        details: { error_code: "enforced_spend_limit_reached" }
      })
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "workspace spend limit",
    "messages",
    reply(
      400,
      invalid(
        "You have reached your specified workspace API usage limits. You will regain access on 2026-07-01 at 00:00 UTC."
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "credit balance for a plan",
    "messages",
    reply(403, error("permission_error", "Your credit balance is too low to access the Claude API.")),
    ["budget", "stop", "none", "dangerous"]
  ),
  // Cloudflare's documentation of 52x, in front of api.anthropic.com
  held(
    "cloudflare 524",
    "messages",
    reply(
      524,
      "<!DOCTYPE html><html><head><title>api.anthropic.com | 524: A timeout occurred</title></head></html>",
      {
        server: "cloudflare"
      }
    ),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held("cloudflare 520 in words", "messages", reply(520, "error code: 520", { server: "cloudflare" }), [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  held("gateway 502 html", "messages", reply(502, "<html><title>502 Bad Gateway</title></html>"), [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  held("empty 500", "messages", { status: 500, headers: {}, body: "" }, [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  // Cloudflare's bot check; the address is blocked until somebody changes it
  held(
    "cloudflare block",
    "messages",
    reply(
      403,
      "<html><head><title>Attention Required! | Cloudflare</title></head><body>Sorry, you have been blocked</body></html>",
      {
        server: "cloudflare"
      }
    ),
    ["configuration", "stop", "none"]
  ),
  // platform.claude.com/docs/en/api/errors: conflict_error
  held("conflict", "messages", reply(409, error("conflict_error", "Conflict")), [
    "transient",
    "retry",
    "none"
  ]),
  held("timeout 408", "messages", reply(408, error("timeout_error", "Request timeout")), [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  // stop reasons of the Messages API; the reply came and is billed
  held(
    "stopped at max_tokens",
    "messages",
    reply(200, {
      id: "msg_1",
      type: "message",
      role: "assistant",
      content: [{ type: "text", text: "par" }],
      stop_reason: "max_tokens",
      usage: { input_tokens: 10, output_tokens: 4096 }
    }),
    ["budget", "stop", "certain", "dangerous"]
  ),
  held(
    "refusal",
    "messages",
    reply(200, {
      id: "msg_1",
      type: "message",
      role: "assistant",
      content: [],
      stop_reason: "refusal",
      usage: { input_tokens: 10, output_tokens: 5 }
    }),
    ["rejected", "stop", "certain", "dangerous"]
  ),
  held(
    "refusal in a stream",
    "messages.stream",
    stream(
      messageStart,
      delta,
      { type: "message_delta", delta: { stop_reason: "refusal" }, usage: { output_tokens: 12 } },
      { type: "message_stop" }
    ),
    ["rejected", "stop", "certain", "dangerous"]
  ),
  held(
    "api_error mid-stream",
    "messages.stream",
    stream(messageStart, delta, error("api_error", "Internal server error")),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "rate limit mid-stream",
    "messages.stream",
    stream(messageStart, error("rate_limit_error", "Rate limited")),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held("stream of pings", "messages.stream", stream({ type: "ping" }), [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  held(
    "body cut",
    "messages",
    reply(
      200,
      '{"id":"msg_01","type":"message","role":"assistant","content":[{"type":"text","text":"Here is',
      { "content-type": "application/json" }
    ),
    ["transient", "retry", "possible", "dangerous"]
  ),
  // anthropic-sdk-typescript src/core/error.ts
  held(
    "sdk: connection refused",
    "messages",
    {
      name: "APIConnectionError",
      message: "Connection error.",
      cause: {
        name: "TypeError",
        message: "fetch failed",
        cause: { code: "ECONNREFUSED", message: "connect ECONNREFUSED 127.0.0.1:1" }
      }
    },
    ["transient", "retry", "none"]
  ),
  held(
    "sdk: reset",
    "messages",
    {
      name: "APIConnectionError",
      message: "Connection error.",
      cause: { name: "Error", code: "ECONNRESET", message: "socket hang up" }
    },
    ["transient", "retry", "possible", "dangerous"]
  ),
  held("sdk: timeout", "messages", { name: "APIConnectionTimeoutError", message: "Request timed out." }, [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  held("sdk: aborted", "messages", { name: "APIUserAbortError", message: "Request was aborted." }, [
    "permanent",
    "stop",
    "possible",
    "dangerous"
  ]),
  // how the SDKs print a status error: the status, then the body
  held(
    "sdk: message only",
    "messages",
    {
      name: "Error",
      message:
        '529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":null}'
    },
    ["transient", "retry", "none"]
  ),
  // Amazon Bedrock API reference, and anthropics/claude-code issues 236 and 1466
  held(
    "bedrock throttled",
    "messages",
    reply(
      429,
      { message: "Too many tokens, please wait before trying again." },
      { "x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/" }
    ),
    ["transient", "retry", "none"]
  ),
  // Ivy-Interactive/Ivy-Tendril issue 1756
  held(
    "bedrock daily tokens",
    "messages",
    reply(
      429,
      { message: "Too many tokens per day, please wait before trying again." },
      { "x-amzn-errortype": "ThrottlingException" }
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  // anthropics/claude-code issue 1466: the words say retry, the request must change
  held(
    "bedrock on-demand",
    "messages",
    reply(
      400,
      {
        message:
          "Invocation of model ID anthropic.claude-sonnet-4-20250514-v1:0 with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model."
      },
      { "x-amzn-errortype": "ValidationException" }
    ),
    ["configuration", "stop", "none", "dangerous"]
  ),
  held(
    "bedrock input too long",
    "messages",
    reply(
      400,
      { message: "Input is too long for requested model." },
      { "x-amzn-errortype": "ValidationException" }
    ),
    ["budget", "stop", "none"]
  ),
  held(
    "bedrock access",
    "messages",
    reply(
      403,
      { message: "You don't have access to the model with the specified model ID." },
      { "x-amzn-errortype": "AccessDeniedException" }
    ),
    ["configuration", "stop", "none"]
  ),
  // Google Vertex AI: generative AI error codes
  held(
    "vertex exhausted",
    "messages",
    reply(429, [
      {
        error: {
          code: 429,
          message: "Resource exhausted. Please try again later.",
          status: "RESOURCE_EXHAUSTED"
        }
      }
    ]),
    ["transient", "retry", "none"]
  ),
  // a proxy of the company in the way
  held(
    "proxy login page",
    "messages",
    reply(407, "<html><title>Proxy Authentication Required</title></html>"),
    ["configuration", "stop", "none"]
  ),
  held(
    "counting tokens cut off",
    "messages.count_tokens",
    { name: "Error", code: "ECONNRESET", message: "read ECONNRESET" },
    ["transient", "retry", "none"]
  ),
  held("other 4xx", "messages", reply(418, error("invalid_request_error", "Something new.")), [
    "permanent",
    "stop",
    "none"
  ]),
  held("nothing known", "messages", { weird: true }, ["ambiguous", "stop", "possible", "dangerous"]),

  // A second lot, labelled after the first had been measured.
  // anthropics/claude-code issues on plans: the words differ, the cure is money
  held(
    "out of extra usage",
    "messages",
    reply(400, invalid("You're out of extra usage. Add more at claude.ai/settings/usage and keep going.")),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "usage credits",
    "messages",
    reply(429, error("rate_limit_error", "Usage credits are required for long context requests.")),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "monthly spend limit",
    "messages",
    reply(
      429,
      error("rate_limit_error", "This request would exceed your organization's monthly spend limit.")
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "acceleration",
    "messages",
    reply(
      429,
      error(
        "rate_limit_error",
        "This request would exceed your organization's maximum usage increase rate for input tokens per minute. Please scale up your input tokens usage more gradually."
      )
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "empty text block",
    "messages",
    reply(400, invalid("messages: text content blocks must be non-empty")),
    ["permanent", "stop", "none"]
  ),
  held(
    "credential of another product",
    "messages",
    reply(
      400,
      invalid(
        "This credential is only authorized for use with Claude Code and cannot be used for other API requests."
      )
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "token without the scope",
    "messages",
    reply(403, error("permission_error", "OAuth token does not meet scope requirement user:inference")),
    ["configuration", "stop", "none"]
  ),
  held(
    "request not allowed",
    "messages",
    reply(403, { error: { type: "forbidden", message: "Request not allowed" } }),
    ["configuration", "stop", "none"]
  ),
  held("overloaded by another name", "messages", reply(500, error("api_error", "Overloaded")), [
    "transient",
    "retry",
    "none"
  ]),
  // Bedrock InvokeModel errors: 424 and 408 come from a model that was at work
  held(
    "bedrock model error",
    "messages",
    reply(
      424,
      { message: "The system encountered an unexpected error during processing. Try your request again." },
      { "x-amzn-errortype": "ModelErrorException" }
    ),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "bedrock model timeout",
    "messages",
    reply(
      408,
      { message: "Model has timed out in processing the request. Try your request again." },
      { "x-amzn-errortype": "ModelTimeoutException" }
    ),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "bedrock expired token",
    "messages",
    reply(
      403,
      { message: "The security token included in the request is expired" },
      { "x-amzn-errortype": "ExpiredTokenException" }
    ),
    ["configuration", "stop", "none"]
  ),
  // Vertex AI error codes
  held(
    "vertex permission",
    "messages",
    reply(403, [
      {
        error: {
          code: 403,
          message: "Permission 'aiplatform.endpoints.predict' denied on resource",
          status: "PERMISSION_DENIED"
        }
      }
    ]),
    ["configuration", "stop", "none"]
  ),
  held(
    "vertex model",
    "messages",
    reply(404, [
      {
        error: {
          code: 404,
          message: "Publisher Model `projects/x` was not found or your project does not have access to it.",
          status: "NOT_FOUND"
        }
      }
    ]),
    ["configuration", "stop", "none"]
  ),
  // Envoy before a provider: the request may have been sent
  held(
    "envoy reset",
    "messages",
    {
      status: 503,
      headers: { "content-type": "text/plain" },
      body: "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
    },
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "unknown error mid-stream",
    "messages.stream",
    stream(messageStart, delta, error("brand_new_error", "Who knows")),
    ["ambiguous", "stop", "possible", "dangerous"]
  )
]
