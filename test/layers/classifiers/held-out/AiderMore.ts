import { type EndedCase, onStdout } from "./Ended.ts"

/** A second round, labelled after the rules were written but before they saw it. */

const first = onStdout(false, [
  [
    "rate-per-minute",
    "message",
    0,
    'litellm.RateLimitError: AnthropicException - {"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization\'s rate limit of 50 requests per minute"}}\nThe API provider has rate limited you. Try again later or check your quotas.\nRetrying in 32.0 seconds...\n',
    ["transient", true, "none"],
    "Anthropic"
  ],
  [
    "empty-with-usage",
    "message",
    0,
    "Empty response received from LLM. Check your provider account?\nTokens: 1.1k sent, 0 received. Cost: $0.0033 message, $0.0033 session.\n",
    ["ambiguous", true, "none"],
    "base_coder.py prints the usage after it"
  ],
  [
    "argument",
    "startup",
    2,
    "usage: aider [-h] [--model MODEL]\naider: error: argument --model: expected one argument\n",
    ["permanent", false, "none"],
    "argparse"
  ],
  [
    "no-git",
    "startup",
    1,
    "Traceback (most recent call last):\nImportError: Bad git executable.\n",
    ["configuration", false, "none"],
    "GitPython"
  ],
  [
    "ollama-model",
    "message",
    0,
    'litellm.NotFoundError: OllamaException - {"error":"model \'llama9\' not found, try pulling it first"}\n',
    ["configuration", false, "none"],
    "Ollama"
  ],
  [
    "invalid-messages",
    "message",
    0,
    "litellm.BadRequestError: OpenAIException - Error code: 400 - {'error': {'message': \"Invalid 'messages[3].content': string too long\", 'type': 'invalid_request_error'}}\n",
    ["permanent", false, "none"],
    "OpenAI"
  ],
  [
    "openrouter-choices",
    "message",
    0,
    "litellm.APIConnectionError: APIConnectionError: OpenrouterException - 'choices'\nOpenRouter or the upstream API provider is down, overloaded or rate limiting your requests.\nRetrying in 0.2 seconds...\n",
    ["transient", true, "none"],
    "aider/exceptions.py"
  ],
  [
    "timeout",
    "message",
    0,
    "litellm.Timeout: Connection timed out after 600.0 seconds.\nThe API provider timed out without returning a response. They may be down or overloaded.\n",
    // Whether it was answered, and billed, nobody heard.
    ["ambiguous", true, "possible"],
    "litellm"
  ]
])

const dangerous = onStdout(true, [
  [
    "gemini-per-day",
    "message",
    0,
    'litellm.RateLimitError: geminiException - {"error": {"code": 429, "message": "You exceeded your current quota, please check your plan and billing details.", "status": "RESOURCE_EXHAUSTED", "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}\nThe API provider has rate limited you. Try again later or check your quotas.\n',
    ["budget", false, "none"],
    "Gemini's daily free tier"
  ],
  [
    "interrupted",
    "message",
    0,
    "litellm.InternalServerError: AnthropicException - Overloaded\nRetrying in 0.5 seconds...\n\n^C KeyboardInterrupt\n",
    ["ambiguous", true, "possible"],
    "base_coder.py"
  ],
  [
    "limit-after-edit",
    "message",
    0,
    "Applied edit to src/app.ts\n\nModel gpt-4o has hit a token limit!\nOutput tokens: ~16,384 of 16,384 -- possibly exceeded output limit!\n",
    ["budget", false, "certain"],
    "base_coder.py"
  ],
  [
    "limit-after-usage",
    "message",
    0,
    "Tokens: 3.1k sent, 16k received. Cost: $0.2 message, $0.2 session.\n\n\nModel gpt-4o has hit a token limit!\nOutput tokens: ~16,384 of 16,384 -- possibly exceeded output limit!\n",
    ["budget", false, "none"],
    "base_coder.py prints the usage before it"
  ],
  [
    "prose-about-errors",
    "message",
    0,
    "You should catch litellm.RateLimitError and litellm.Timeout; an insufficient_quota is not retried.\nTokens: 2.0k sent, 100 received. Cost: $0.01 message, $0.01 session.\n",
    ["rejected", false, "none"],
    "a reply about the very errors looked for"
  ],
  [
    "disk-full-traceback",
    "message",
    1,
    'Traceback (most recent call last):\n  File "io.py", line 742\nOSError: [Errno 28] No space left on device\n',
    ["configuration", false, "possible"],
    "python"
  ],
  [
    "history-denied",
    "message",
    1,
    "Traceback (most recent call last):\nPermissionError: [Errno 13] Permission denied: '/srv/wt/.aider.chat.history.md'\n",
    ["configuration", false, "possible"],
    "python"
  ]
])

export const aiderMoreCases: ReadonlyArray<EndedCase> = [...first, ...dangerous]
