import { type Case, held, reply, stream } from "./Case.ts"

const error = (message: string, type: string | null, code: string | number | null, more: object = {}) => ({
  error: { message, type, param: null, code, ...more }
})
const chunk = (finish: string | null, content = "") => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  choices: [{ index: 0, delta: { content }, finish_reason: finish }]
})
const completion = (finish: string, message: object) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finish }],
  usage: { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 }
})

export const openAiCases: ReadonlyArray<Case> = [
  // DrShushen/climb issue 13: the code of a rate limit, and no wait ever helps
  held(
    "request too large for TPM",
    "chat",
    reply(
      429,
      error(
        "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 30601. The input or output tokens must be reduced in order to run successfully.",
        "tokens",
        "rate_limit_exceeded"
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  // platform.openai.com/docs/guides/error-codes
  held(
    "rate limit per minute",
    "chat",
    reply(
      429,
      error(
        "Rate limit reached for gpt-4o in organization org-x on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.",
        "requests",
        "rate_limit_exceeded"
      )
    ),
    ["transient", "retry", "none"]
  ),
  held("slow down", "chat", reply(503, error("Slow Down", "service_unavailable_error", "slow_down")), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "engine overloaded",
    "chat",
    reply(429, error("The engine is currently overloaded, please try again later", "requests", null)),
    ["transient", "retry", "none"]
  ),
  held(
    "country",
    "chat",
    reply(
      403,
      error(
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory"
      )
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "unknown model",
    "chat",
    reply(
      404,
      error(
        "The model `gpt-9` does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found"
      )
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "project without the model",
    "chat",
    reply(
      403,
      error(
        "Project `proj_x` does not have access to model `gpt-4o`",
        "invalid_request_error",
        "model_not_found"
      )
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "account deactivated",
    "chat",
    reply(
      401,
      error(
        "The OpenAI account associated with this API key has been deactivated.",
        "invalid_request_error",
        "account_deactivated"
      )
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "billing not active",
    "chat",
    reply(
      429,
      error(
        "Your account is not active, please check your billing details on our website.",
        "billing_not_active",
        "billing_not_active"
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "unsupported parameter",
    "chat",
    reply(
      400,
      error(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "invalid_request_error",
        "unsupported_parameter"
      )
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "flagged prompt",
    "responses",
    reply(
      400,
      error(
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt.",
        "invalid_request_error",
        "invalid_prompt"
      )
    ),
    ["rejected", "stop", "none", "dangerous"]
  ),
  held(
    "malformed request",
    "chat",
    reply(
      400,
      error("Invalid value for 'content': expected a string, got null.", "invalid_request_error", null)
    ),
    ["permanent", "stop", "none"]
  ),
  // Azure: chat completions; retry after a day (DrShushen/climb issue 1)
  held(
    "azure token rate",
    "chat",
    reply(
      429,
      {
        error: {
          code: "429",
          message:
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-08-01-preview have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 26 seconds."
        }
      },
      { "retry-after": "26" }
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "azure deployment",
    "chat",
    reply(404, {
      error: {
        code: "DeploymentNotFound",
        message:
          "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."
      }
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "azure wrong key",
    "chat",
    reply(401, {
      error: {
        code: "401",
        message:
          "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription."
      }
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "azure volume quota",
    "chat",
    reply(403, {
      error: {
        code: "403",
        message: "Out of call volume quota. Quota will be replenished in 12.03:14:12."
      }
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "azure filter of the answer",
    "chat",
    reply(
      200,
      completion("content_filter", {
        content: "",
        content_filter_results: { hate: { filtered: true, severity: "high" } }
      })
    ),
    ["rejected", "stop", "certain", "dangerous"]
  ),
  // QwenLM/qwen-code issue 73; openrouter.ai/docs/api-reference/errors
  held(
    "openrouter credits",
    "chat",
    reply(402, {
      error: {
        message:
          "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 3395.",
        code: 402,
        metadata: { provider_name: null }
      },
      user_id: "user_x"
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "openrouter moderation",
    "chat",
    reply(403, {
      error: {
        code: 403,
        message: "Your input was flagged",
        metadata: { reasons: ["violence"], flagged_input: "..." }
      }
    }),
    ["rejected", "stop", "none", "dangerous"]
  ),
  held(
    "openrouter data policy",
    "chat",
    reply(404, {
      error: { message: "No endpoints found matching your data policy (Free model publication).", code: 404 }
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "openrouter free models per day",
    "chat",
    reply(429, {
      error: {
        message:
          "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
        code: 429,
        metadata: { headers: { "X-RateLimit-Remaining": "0" } }
      }
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "openrouter upstream limit",
    "chat",
    reply(429, {
      error: {
        message: "Provider returned error",
        code: 429,
        metadata: {
          raw: "deepseek/deepseek-r1:free is temporarily rate-limited upstream. Please retry shortly.",
          provider_name: "Chutes"
        }
      }
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "openrouter error in a 200 body",
    "chat",
    reply(200, {
      error: {
        message: "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
        code: 402
      }
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  // openrouter.ai/docs/api-reference/streaming: mid-stream errors
  held(
    "openrouter error mid-stream",
    "chat.stream",
    stream(chunk(null, "Once"), {
      id: "gen-1",
      error: { code: 502, message: "Provider disconnected unexpectedly" },
      choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }]
    }),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held("stream without DONE", "chat.stream", stream(chunk(null, "Once"), chunk(null, " upon")), [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  held("length in a stream", "chat.stream", stream(chunk(null, "Once"), chunk("length"), "[DONE]"), [
    "budget",
    "stop",
    "certain",
    "dangerous"
  ]),
  held("output limit", "chat", reply(200, completion("length", { content: "Once upon" })), [
    "budget",
    "stop",
    "certain",
    "dangerous"
  ]),
  held(
    "refusal",
    "chat",
    reply(200, completion("stop", { content: null, refusal: "I'm sorry, I can't help with that." })),
    ["rejected", "stop", "certain", "dangerous"]
  ),
  // OpenAI Responses API reference
  held(
    "response failed",
    "responses",
    reply(200, {
      id: "resp_1",
      object: "response",
      status: "failed",
      error: { code: "server_error", message: "The model failed to generate a response." },
      usage: null
    }),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "response incomplete",
    "responses",
    reply(200, {
      id: "resp_1",
      object: "response",
      status: "incomplete",
      error: null,
      incomplete_details: { reason: "max_output_tokens" },
      usage: { input_tokens: 10, output_tokens: 100 }
    }),
    ["budget", "stop", "certain", "dangerous"]
  ),
  // vLLM: protocol.py ErrorResponse
  held(
    "vllm model",
    "chat",
    reply(404, {
      object: "error",
      message: "The model `llama` does not exist.",
      type: "NotFoundError",
      param: null,
      code: 404
    }),
    ["configuration", "stop", "none"]
  ),
  // ollama/ollama server/routes.go and llm/server.go
  held(
    "ollama model",
    "chat",
    reply(404, error('model "llama9" not found, try pulling it first', "api_error", null)),
    ["configuration", "stop", "none"]
  ),
  held(
    "ollama memory",
    "chat",
    reply(500, {
      error: "model requires more system memory (5.6 GiB) than is available (4.1 GiB)"
    }),
    ["configuration", "stop", "none", "dangerous"]
  ),
  held(
    "ollama busy",
    "chat",
    reply(503, { error: "server busy, please try again.  maximum pending requests exceeded" }),
    ["transient", "retry", "none"]
  ),
  // ggml-org/llama.cpp tools/server README
  held(
    "llama.cpp loading",
    "chat",
    reply(503, { error: { code: 503, message: "Loading model", type: "unavailable_error" } }),
    ["transient", "retry", "none"]
  ),
  held(
    "llama.cpp context",
    "chat",
    reply(400, {
      error: {
        code: 400,
        message: "the request exceeds the available context size, try increasing it",
        type: "exceed_context_size_error",
        n_prompt_tokens: 9000,
        n_ctx: 4096
      }
    }),
    ["budget", "stop", "none"]
  ),
  // BerriAI/litellm issue 14144 and its budget documentation
  held(
    "litellm budget",
    "chat",
    reply(
      400,
      error("Budget has been exceeded! Current cost: 26.075, Max budget: 0.25", "budget_exceeded", "400")
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "litellm deployment over budget",
    "chat",
    reply(
      429,
      error(
        "No deployments available - crossed budget: Exceeded budget for deployment model_name: x: 0.363 >= 1d",
        "None",
        "429"
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "litellm cooling down",
    "chat",
    reply(
      429,
      error(
        "No deployments available for selected model, Try again in 5 seconds. Passed model=gpt-4o.",
        "None",
        "429"
      )
    ),
    ["transient", "retry", "none"]
  ),
  // Google's OpenAI-compatible endpoint; google-gemini/gemini-cli issue 8437, continuedev/continue issue 11926
  held(
    "gemini no free tier",
    "chat",
    reply(429, [
      {
        error: {
          code: 429,
          message:
            "You exceeded your current quota, please check your plan and billing details. * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: gemini-3-pro\nPlease retry in 17.3s.",
          status: "RESOURCE_EXHAUSTED"
        }
      }
    ]),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "gemini bad key",
    "chat",
    reply(400, [
      {
        error: {
          code: 400,
          message: "API key not valid. Please pass a valid API key.",
          status: "INVALID_ARGUMENT"
        }
      }
    ]),
    ["configuration", "stop", "none"]
  ),
  held(
    "gemini overloaded",
    "chat",
    reply(503, [
      {
        error: {
          code: 503,
          message: "The model is overloaded. Please try again later.",
          status: "UNAVAILABLE"
        }
      }
    ]),
    ["transient", "retry", "none"]
  ),
  // api-docs.deepseek.com: error codes
  held(
    "deepseek balance",
    "chat",
    reply(402, error("Insufficient Balance", "unknown_error", "invalid_request_error")),
    ["budget", "stop", "none", "dangerous"]
  ),
  // console.groq.com/docs/errors
  held(
    "groq request too large",
    "chat",
    reply(
      413,
      error(
        "Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 9123, please reduce your message size and try again.",
        "tokens",
        "rate_limit_exceeded"
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "groq retired model",
    "chat",
    reply(
      400,
      error(
        "The model `mixtral-8x7b-32768` has been decommissioned and is no longer supported.",
        "invalid_request_error",
        "model_decommissioned"
      )
    ),
    ["configuration", "stop", "none"]
  ),
  // Cloudflare and nginx before a provider
  held("nginx 504", "chat", reply(504, "<html><head><title>504 Gateway Time-out</title></head></html>"), [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  held(
    "nginx 413",
    "chat",
    reply(413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
    ["rejected", "stop", "none"]
  ),
  // openai-node src/core/error.ts
  held(
    "sdk: certificate",
    "chat",
    {
      name: "APIConnectionError",
      message: "Connection error.",
      cause: { code: "SELF_SIGNED_CERT_IN_CHAIN", message: "self-signed certificate in certificate chain" }
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "sdk: dns",
    "chat",
    {
      name: "APIConnectionError",
      message: "Connection error.",
      cause: {
        message: "fetch failed",
        cause: { code: "EAI_AGAIN", message: "getaddrinfo EAI_AGAIN api.openai.com" }
      }
    },
    ["transient", "retry", "none"]
  ),
  held(
    "sdk: cut after sending",
    "chat",
    {
      name: "TypeError",
      message: "terminated",
      cause: { code: "UND_ERR_SOCKET", message: "other side closed" }
    },
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "html with 200",
    "chat",
    reply(200, "<!doctype html><html><body>Sign in to the network</body></html>"),
    ["ambiguous", "stop", "possible", "dangerous"]
  ),

  // A second lot, labelled after the first had been measured.
  // developers' forum of OpenAI: a limit of nothing is no matter of waiting
  held(
    "limit of zero",
    "chat",
    reply(
      429,
      error(
        "Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM): Limit 0, Used 0, Requested 50.",
        "tokens",
        "rate_limit_exceeded"
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  // docs.x.ai: no credits
  held(
    "xai without credits",
    "chat",
    reply(403, {
      code: "The caller does not have permission",
      error:
        "Your newly created team doesn't have any credits yet. You can purchase credits on https://console.x.ai."
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  // docs.fireworks.ai: suspended accounts
  held(
    "fireworks suspended",
    "chat",
    reply(412, {
      error: {
        message:
          "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.",
        code: "PRECONDITION_FAILED"
      }
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  // Alibaba Model Studio error codes
  held(
    "dashscope arrears",
    "chat",
    reply(
      400,
      error("Access denied, please make sure your account is in good standing.", "Arrearage", "Arrearage")
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  // docs.bigmodel.cn error 1113, in Chinese
  held(
    "zhipu balance",
    "chat",
    reply(429, { error: { code: "1113", message: "余额不足或无可用资源包,请充值。" } }),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "moonshot balance",
    "chat",
    reply(
      429,
      error(
        "Your account is suspended due to insufficient balance, please recharge your account",
        "exceeded_current_quota_error",
        null
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "cohere trial",
    "chat",
    reply(429, {
      message:
        "You are using a Trial key, which is limited to 1000 API calls / month. You can continue to use the Trial key for free or upgrade to a Production key."
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "workers ai allocation",
    "chat",
    reply(429, {
      errors: [
        { message: "AiError: you have used up your daily free allocation of 10,000 neurons", code: 4006 }
      ],
      success: false
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "openrouter key limit",
    "chat",
    reply(403, {
      error: {
        message: "Key limit exceeded (monthly limit). Manage it using https://openrouter.ai/settings/keys",
        code: 403
      }
    }),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "github models",
    "chat",
    reply(429, {
      error: {
        code: "RateLimitReached",
        message:
          "Rate limit of 15 per 60s exceeded for UserByModelByMinute. Please wait 12 seconds before retrying."
      }
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "sglang context",
    "chat",
    reply(400, {
      object: "error",
      message: "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
      type: "BadRequestError",
      code: 400
    }),
    ["budget", "stop", "none"]
  ),
  held(
    "tgi inputs",
    "chat",
    reply(422, {
      error:
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
      error_type: "validation"
    }),
    ["budget", "stop", "none"]
  ),
  held(
    "litellm model name",
    "chat",
    reply(400, {
      error: {
        message:
          "litellm.BadRequestError: Invalid model name passed in model=x. Call `/v1/models` to view available models for your key.",
        type: "None",
        code: "400"
      }
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "litellm budget as 401",
    "chat",
    reply(
      401,
      error(
        "Authentication Error, ExceededBudget: User over budget. Spend=1.2, Budget=1.0",
        "auth_error",
        "401"
      )
    ),
    ["budget", "stop", "none", "dangerous"]
  ),
  held(
    "ollama runner ended",
    "chat",
    reply(500, error('POST predict: Post "http://127.0.0.1:38723/completion": EOF', "api_error", null)),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "ollama tools",
    "chat",
    reply(400, error("registry.ollama.ai/library/gemma:2b does not support tools", "api_error", null)),
    ["configuration", "stop", "none"]
  ),
  held(
    "azure firewall",
    "chat",
    reply(403, {
      error: { code: "AccessDenied", message: "Access denied due to Virtual Network/Firewall rules." }
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "azure timeout",
    "chat",
    reply(408, { error: { code: "Timeout", message: "The operation was timeout." } }),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "responses error event",
    "responses",
    stream(
      { type: "response.created", response: { id: "resp_1", status: "in_progress" } },
      { type: "error", code: "server_error", message: "Sorry" }
    ),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "responses failed event",
    "responses",
    stream({
      type: "response.failed",
      response: {
        id: "resp_1",
        status: "failed",
        error: { code: "rate_limit_exceeded", message: "Rate limit reached for x" }
      }
    }),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "verification needed",
    "chat",
    reply(400, {
      error: {
        message: "Your organization must be verified to stream this model.",
        type: "invalid_request_error",
        param: "stream",
        code: "unsupported_value"
      }
    }),
    ["configuration", "stop", "none"]
  )
]
