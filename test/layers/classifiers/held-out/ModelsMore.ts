import { type Case, held, reply } from "./Case.ts"

/** A second round of what providers of models and the gateways before them answer, from their documentation. */
export const anthropicMoreCases: ReadonlyArray<Case> = [
  held(
    "max-tokens-too-high",
    "messages",
    reply(400, {
      type: "error",
      error: {
        type: "invalid_request_error",
        message:
          "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-20250514"
      },
      request_id: "req_1"
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "tool-result-missing",
    "messages",
    reply(400, {
      type: "error",
      error: {
        type: "invalid_request_error",
        message:
          "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_01. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
      },
      request_id: "req_1"
    }),
    ["permanent", "stop", "none"]
  ),
  held(
    "org-disabled",
    "messages",
    reply(400, {
      type: "error",
      error: { type: "invalid_request_error", message: "This organization has been disabled." },
      request_id: "req_1"
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "oauth-expired",
    "messages",
    reply(401, {
      type: "error",
      error: {
        type: "authentication_error",
        message: "OAuth token has expired. Please obtain a new token or refresh your existing token."
      },
      request_id: "req_1"
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "overloaded-529",
    "messages",
    reply(
      529,
      { type: "error", error: { type: "overloaded_error", message: "Overloaded" }, request_id: "req_1" },
      { "x-should-retry": "true" }
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "concurrent",
    "messages",
    reply(429, {
      type: "error",
      error: {
        type: "rate_limit_error",
        message:
          "Number of concurrent connections has exceeded your rate limit. Please try again later or contact sales."
      },
      request_id: "req_1"
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "region",
    "messages",
    reply(403, {
      type: "error",
      error: { type: "forbidden", message: "Request not allowed" },
      request_id: "req_1"
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "cloudflare-520",
    "messages",
    reply(
      520,
      "<html><head><title>api.anthropic.com | 520: Web server is returning an unknown error</title></head></html>",
      { server: "cloudflare", "content-type": "text/html" }
    ),
    ["transient", "retry", "possible"]
  ),
  held(
    "stream-api-error",
    "messages.stream",
    reply(
      200,
      'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":9,"output_tokens":1}}}\n\nevent: error\ndata: {"type":"error","error":{"type":"api_error","message":"Internal server error"}}\n\n',
      { "content-type": "text/event-stream" }
    ),
    ["transient", "retry", "possible"]
  ),
  held("empty-200", "messages", reply(200, "", { "content-type": "text/html" }), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held(
    "stream-cut-json",
    "messages.stream",
    reply(200, 'event: message_start\ndata: {"type":"message_start","mess', {
      "content-type": "text/event-stream"
    }),
    ["transient", "retry", "possible"]
  ),
  held(
    "empty-content",
    "messages",
    reply(400, {
      type: "error",
      error: { type: "invalid_request_error", message: "messages: text content blocks must be non-empty" },
      request_id: "req_2"
    }),
    ["permanent", "stop", "none"]
  ),
  held(
    "output-tpm",
    "messages",
    reply(
      429,
      {
        type: "error",
        error: {
          type: "rate_limit_error",
          message:
            "This request would exceed your organization's rate limit of 8,000 output tokens per minute."
        },
        request_id: "req_2"
      },
      { "retry-after": "12", "anthropic-ratelimit-output-tokens-remaining": "0" }
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "not-allowed-cors",
    "messages",
    reply(401, {
      type: "error",
      error: {
        type: "authentication_error",
        message:
          "CORS requests are not allowed for this Organization because custom retention settings were configured."
      },
      request_id: "req_2"
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "bedrock-throttle",
    "messages",
    reply(
      429,
      { message: "Too many tokens, please wait before trying again." },
      { "x-amzn-errortype": "ThrottlingException" }
    ),
    ["transient", "retry", "none"]
  )
]

export const openAiMoreCases: ReadonlyArray<Case> = [
  held(
    "country",
    "chat",
    reply(403, {
      error: {
        message: "Country, region, or territory not supported",
        type: "request_forbidden",
        param: null,
        code: "unsupported_country_region_territory"
      }
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "tpm-single-too-large",
    "chat",
    reply(429, {
      error: {
        message:
          "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 52341. The input or output tokens must be reduced in order to run successfully.",
        type: "tokens",
        param: null,
        code: "rate_limit_exceeded"
      }
    }),
    ["budget", "stop", "none"]
  ),
  held(
    "unsupported-parameter",
    "chat",
    reply(400, {
      error: {
        message:
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        type: "invalid_request_error",
        param: null,
        code: "unsupported_parameter"
      }
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "account-inactive",
    "chat",
    reply(429, {
      error: {
        message: "Your account is not active, please check your billing details on our website.",
        type: "billing_not_active",
        param: null,
        code: "billing_not_active"
      }
    }),
    ["budget", "stop", "none"]
  ),
  held(
    "invalid-prompt",
    "chat",
    reply(400, {
      error: {
        message:
          "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt.",
        type: "invalid_request_error",
        param: null,
        code: "invalid_prompt"
      }
    }),
    ["rejected", "stop", "none"]
  ),
  held(
    "insufficient-scope",
    "chat",
    reply(403, {
      error: {
        message: "You have insufficient permissions for this operation. Missing scopes: model.request.",
        type: "invalid_request_error",
        param: null,
        code: null
      }
    }),
    ["configuration", "stop", "none"]
  ),
  held("gateway-timeout", "chat", reply(504, "upstream request timeout", { "content-type": "text/plain" }), [
    "transient",
    "retry",
    "possible"
  ]),
  held(
    "openrouter-402",
    "chat",
    reply(402, {
      error: {
        message:
          "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 812.",
        code: 402
      }
    }),
    ["budget", "stop", "none"]
  ),
  held(
    "body-lies",
    "chat",
    reply(200, { error: { message: "Rate limit reached", type: "requests", code: "rate_limit_exceeded" } }),
    ["transient", "retry", "none"]
  ),
  held(
    "retry-words-400",
    "chat",
    reply(400, {
      error: {
        message:
          'Your prompt contained the words "rate limit reached, please try again". It could not be parsed as JSON.',
        type: "invalid_request_error",
        param: null,
        code: null
      }
    }),
    ["permanent", "stop", "none"]
  ),
  held(
    "chinese",
    "chat",
    reply(400, {
      error: {
        message: "输入内容包含敏感信息，请修改后重试",
        type: "invalid_request_error",
        code: "data_inspection_failed"
      }
    }),
    ["rejected", "stop", "none"]
  ),
  held(
    "key-disabled",
    "chat",
    reply(401, {
      error: {
        message: "Your API key has been disabled. Please contact support.",
        type: "invalid_request_error",
        param: null,
        code: null
      }
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "vllm-len",
    "chat",
    reply(400, {
      error: {
        message:
          "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens (8000 in the messages, 32000 in the completion).",
        type: "BadRequestError",
        param: null,
        code: null
      }
    }),
    ["budget", "stop", "none"]
  ),
  held(
    "html-login",
    "chat",
    reply(200, "<html><body>Please sign in</body></html>", { "content-type": "text/html" }),
    ["ambiguous", "stop", "possible", "dangerous"]
  )
]
