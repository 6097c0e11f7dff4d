import { type EndedCase, onStdout } from "./Ended.ts"

/**
 * Aider failures from its sources (Aider-AI/aider at 5dc9490), litellm's exceptions and issue threads.
 * Written, and labelled, before the rules were.
 */

const retrying = "Retrying in 0.2 seconds...\n"
const down = "The API provider's servers are down or overloaded.\n"

const dangerous = onStdout(true, [
  [
    "credit-balance",
    "message",
    0,
    'litellm.BadRequestError: AnthropicException - {"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}\n',
    ["budget", false, "none"],
    "Aider-AI/aider#804"
  ],
  [
    "insufficient-quota",
    "message",
    0,
    `litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.\nThe API provider has rate limited you. Try again later or check your quotas.\n${retrying}`,
    ["budget", false, "none"],
    "OpenAI's error-code guide, through aider/exceptions.py"
  ],
  [
    "openrouter-402",
    "message",
    0,
    'litellm.APIError: APIError: OpenrouterException - {"error":{"message":"Insufficient credits. Add more using https://openrouter.ai/settings/credits","code":402}}\nInsufficient credits with the API provider. Please add credits.\n',
    ["budget", false, "none"],
    "aider/exceptions.py"
  ],
  [
    "litellm-budget",
    "message",
    0,
    "litellm.BudgetExceededError: Budget has been exceeded! Current cost: 12.1, Max budget: 10.0\nRetrying in 32.0 seconds...\n",
    ["budget", false, "none"],
    "aider/exceptions.py: it retries this one itself"
  ],
  [
    "usage-limit",
    "message",
    0,
    'litellm.BadRequestError: AnthropicException - {"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-02-01 at 00:00 UTC."}}\n',
    ["budget", false, "none"],
    "Anthropic's error for spend limits"
  ],
  [
    "deepseek-balance",
    "message",
    0,
    "litellm.BadRequestError: DeepseekException - Error code: 402 - {'error': {'message': 'Insufficient Balance', 'type': 'unknown_error', 'param': None, 'code': 'invalid_request_error'}}\n",
    ["budget", false, "none"],
    "DeepSeek's error-code page"
  ],
  [
    "content-policy",
    "message",
    0,
    `litellm.ContentPolicyViolationError: litellm.BadRequestError: AzureException - The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.\nThe API provider has refused the request due to a safety policy about the content.\n${retrying}`,
    ["rejected", false, "none"],
    "aider/exceptions.py: it retries this one itself"
  ],
  [
    "untrusted-certificate",
    "message",
    0,
    `litellm.APIConnectionError: OpenAIException - [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1007)\n${retrying}`,
    ["configuration", false, "none"],
    "Aider-AI/aider issues about proxies"
  ],
  [
    "overloaded-after-an-edit",
    "message",
    0,
    `Applied edit to src/app.ts\nlitellm.InternalServerError: AnthropicException - Overloaded. Handle with \`litellm.InternalServerError\`.\n${down}`,
    ["ambiguous", true, "certain"],
    "base_coder.py: reflection after an applied edit"
  ],
  [
    "killed-after-an-edit",
    "message",
    -9,
    "Applied edit to src/app.ts\nCommit 1a2b3c4 feat: retries\n",
    ["ambiguous", true, "certain"],
    "base_coder.py",
    { signal: "SIGKILL" }
  ],
  ["killed", "message", 137, "", ["ambiguous", true, "possible"], "128 + SIGKILL"],
  ["timed-out", "message", 143, "Tokens: 4.1k sent", ["ambiguous", true, "possible"], "128 + SIGTERM"],
  [
    "traceback",
    "message",
    1,
    'Traceback (most recent call last):\n  File "/opt/aider/bin/aider", line 8, in <module>\n    sys.exit(main())\n  File "/opt/aider/lib/aider/main.py", line 1127, in main\n    coder.run(with_message=args.message)\nKeyError: \'choices\'\n',
    ["ambiguous", false, "possible"],
    "an uncaught exception"
  ],
  [
    "partly-applied",
    "message",
    0,
    "The LLM did not conform to the edit format.\nhttps://aider.chat/docs/troubleshooting/edit-errors.html\n\n# 1 SEARCH/REPLACE block failed to match!\n\n## SearchReplaceNoExactMatch: This SEARCH block failed to exactly match lines in src/app.ts\n\n# The other 2 SEARCH/REPLACE blocks were applied successfully.\nDon't re-send them.\n",
    ["rejected", false, "certain"],
    "editblock_coder.py"
  ],
  [
    "tests-fail-after-commit",
    "test",
    0,
    "Applied edit to src/app.ts\nCommit 1a2b3c4 feat: retries\nRunning npm test\n1 failing\nAdded 12 lines of output to the chat.\nAttempt to fix test errors? (Y)es/(N)o [Yes]: y\nOnly 3 reflections allowed, stopping.\n",
    ["rejected", false, "certain"],
    "base_coder.py"
  ],
  [
    "lint-fails-after-commit",
    "message",
    0,
    "Applied edit to src/app.ts\nCommit 1a2b3c4 feat: retries\n# Fix any errors below, if possible.\n\n## Running: eslint src/app.ts\n\nsrc/app.ts\n  3:1  error  Parsing error\n\nAttempt to fix lint errors? (Y)es/(N)o [Yes]: y\nOnly 3 reflections allowed, stopping.\n",
    ["rejected", false, "certain"],
    "linter.py, base_coder.py"
  ],
  [
    "write-denied",
    "message",
    0,
    "Exception while updating files:\n[Errno 13] Permission denied: '/srv/wt/src/app.ts'\n",
    ["configuration", false, "possible"],
    "base_coder.py: files before it may have been written"
  ],
  [
    "write-disk-full",
    "message",
    0,
    "Unable to write file src/app.ts after 5 attempts: [Errno 28] No space left on device\nException while updating files:\n[Errno 28] No space left on device\n",
    ["configuration", false, "possible"],
    "io.py"
  ],
  [
    "retried-then-hook-refused",
    "message",
    0,
    `litellm.RateLimitError: AnthropicException - {"type":"error","error":{"type":"rate_limit_error","message":"Rate limited"}}\nThe API provider has rate limited you. Try again later or check your quotas.\n${retrying}Applied edit to src/app.ts\nUnable to commit: Cmd('git') failed due to: exit code(1)\n  cmdline: git commit -m feat: retries -- src/app.ts\n`,
    ["rejected", false, "certain"],
    "base_coder.py, repo.py"
  ],
  [
    "retried-then-prose",
    "message",
    0,
    `litellm.RateLimitError: AnthropicException - {"type":"error","error":{"type":"rate_limit_error","message":"Rate limited"}}\nThe API provider has rate limited you. Try again later or check your quotas.\n${retrying}The code already does this.\nTokens: 4.1k sent, 35 received. Cost: $0.01 message, $0.01 session.\n`,
    ["rejected", false, "none"],
    "base_coder.py"
  ],
  [
    "unheard-of",
    "message",
    3,
    "The frobnicator has come loose.\n",
    ["ambiguous", false, "possible"],
    "no version prints this"
  ]
])

const provider = onStdout(false, [
  [
    "openai-key",
    "message",
    0,
    "litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key provided: sk-xx**. You can find your API key at https://platform.openai.com/account/api-keys.\nThe API provider is not able to authenticate you. Check your API key.\n",
    ["configuration", false, "none"],
    "OpenAI's error-code guide"
  ],
  [
    "model-not-found",
    "message",
    0,
    'litellm.NotFoundError: AnthropicException - {"type":"error","error":{"type":"not_found_error","message":"model: claude-none"}}\n',
    ["configuration", false, "none"],
    "litellm exception mapping"
  ],
  [
    "permission",
    "message",
    0,
    "litellm.PermissionDeniedError: OpenAIException - Project `proj_1` does not have access to model `o9`\nPermission was denied. Check your API key and/or credentials.\n",
    ["configuration", false, "none"],
    "aider/exceptions.py"
  ],
  [
    "context-window",
    "message",
    0,
    "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - This model's maximum context length is 8192 tokens. However, your messages resulted in 9301 tokens.\n",
    ["budget", false, "none"],
    "litellm exception mapping"
  ],
  [
    "estimated-context",
    "message",
    0,
    "Your estimated chat context of 250,112 tokens exceeds the 200,000 token limit for anthropic/claude-sonnet!\nTo reduce the chat context:\n- Use /drop to remove unneeded files from the chat\n",
    ["budget", false, "none"],
    "base_coder.py check_tokens"
  ],
  [
    "prompt-too-long",
    "message",
    0,
    'litellm.BadRequestError: AnthropicException - {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}\n',
    ["budget", false, "none"],
    "Anthropic's message"
  ],
  [
    "service-unavailable",
    "message",
    0,
    `litellm.ServiceUnavailableError: ServiceUnavailableError: OpenAIException - Service Unavailable\n${down}`,
    ["transient", true, "none"],
    "aider/exceptions.py"
  ],
  [
    "bad-gateway",
    "message",
    0,
    `litellm.BadGatewayError: BadGatewayError: OpenAIException - 502 Bad Gateway\n${down}`,
    ["transient", true, "none"],
    "aider/exceptions.py"
  ],
  [
    "provider-timeout",
    "message",
    0,
    "litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out.\nThe API provider timed out without returning a response. They may be down or overloaded.\n",
    // Whether it was answered, and billed, nobody heard.
    ["ambiguous", true, "possible"],
    "aider/exceptions.py"
  ],
  [
    "ollama-refused",
    "message",
    0,
    `litellm.APIConnectionError: OllamaException - [Errno 111] Connection refused\n${retrying}`,
    ["transient", true, "none"],
    "crewAIInc/crewAI#2549"
  ],
  [
    "dns",
    "message",
    0,
    `litellm.APIConnectionError: AnthropicException - [Errno -2] Name or service not known\n${retrying}`,
    ["transient", true, "none"],
    "getaddrinfo"
  ],
  [
    "connection-error",
    "message",
    0,
    `litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.\n${down}`,
    ["transient", true, "none"],
    "the openai package's APIConnectionError"
  ],
  [
    "boto3",
    "message",
    0,
    "litellm.APIConnectionError: No module named 'boto3'\nYou need to: pip install boto3\n",
    ["configuration", false, "none"],
    "aider/exceptions.py"
  ],
  [
    "unsupported-parameter",
    "message",
    0,
    "litellm.BadRequestError: OpenAIException - Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.\n",
    ["permanent", false, "none"],
    "OpenAI's message"
  ],
  [
    "unsupported-params-error",
    "message",
    0,
    `litellm.UnsupportedParamsError: openai does not support parameters: {'temperature': 0}, for model=o9. To drop these, set \`litellm.drop_params=True\`\n${retrying}`,
    ["permanent", false, "none"],
    "litellm utils.py"
  ],
  [
    "unprocessable",
    "message",
    0,
    `litellm.UnprocessableEntityError: MistralException - {"detail":[{"type":"extra_forbidden","loc":["body","prefix"]}]}\n${retrying}`,
    ["permanent", false, "none"],
    "aider/exceptions.py"
  ],
  [
    "provider-not-given",
    "message",
    0,
    "litellm.BadRequestError: LLM Provider NOT provided. Pass in the LLM provider you are trying to call. You passed model=house-model\n",
    ["configuration", false, "none"],
    "litellm get_llm_provider"
  ],
  [
    "gemini-exhausted",
    "message",
    0,
    'litellm.RateLimitError: litellm.RateLimitError: VertexAIException - {\n  "error": {\n    "code": 429,\n    "message": "Resource has been exhausted (e.g. check quota).",\n    "status": "RESOURCE_EXHAUSTED"\n  }\n}\nThe API provider has rate limited you. Try again later or check your quotas.\n',
    ["transient", true, "none"],
    "Gemini's rate limit"
  ],
  [
    "overloaded-529",
    "message",
    0,
    `litellm.InternalServerError: AnthropicException - {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}. Received Model Group=x\n${down}Retrying in 32.0 seconds...\n`,
    ["transient", true, "none"],
    "litellm exception mapping"
  ],
  [
    "empty-coloured",
    "message",
    0,
    "\u001b[33mEmpty response received from LLM. Check your provider account?\u001b[0m\r\n",
    ["ambiguous", true, "none"],
    "base_coder.py with --pretty"
  ],
  [
    "output-limit",
    "message",
    0,
    "\nModel anthropic/claude-haiku has hit a token limit!\nToken counts below are approximate.\n\nInput tokens: ~1,002 of 200,000\nOutput tokens: ~8,192 of 8,192 -- possibly exceeded output limit!\nTotal tokens: ~9,194 of 200,000\n",
    ["budget", false, "none"],
    "base_coder.py"
  ],
  [
    "copilot-token",
    "startup",
    1,
    "KeyError: 'GITHUB_COPILOT_TOKEN environment variable not found'\n",
    ["configuration", false, "none"],
    "models.py"
  ]
])

const startup = onStdout(false, [
  ["not-installed", "message", 127, "", ["configuration", false, "none"], "sh"],
  [
    "module-missing",
    "message",
    1,
    "",
    ["configuration", false, "none"],
    "python -m aider",
    { stdout: "/usr/bin/python3: No module named aider\n" }
  ],
  [
    "import-fails",
    "startup",
    1,
    "No module named 'litellm'\nError loading required imports. Did you install aider properly?\n",
    ["configuration", false, "none"],
    "main.py"
  ],
  [
    "unknown-argument",
    "startup",
    2,
    "usage: aider [-h] [--model MODEL]\naider: error: unrecognized arguments: --no-such-flag\n",
    ["permanent", false, "none"],
    "argparse"
  ],
  [
    "config-unreadable",
    "startup",
    2,
    "usage: aider [-h]\naider: error: Couldn't parse config file: while scanning a simple key\n",
    ["configuration", false, "none"],
    "configargparse"
  ],
  [
    "lint-command",
    "startup",
    1,
    'Unable to parse --lint-cmd "python flake8"\nThe arg should be "language: cmd --args ..."\n',
    ["configuration", false, "none"],
    "main.py"
  ],
  [
    "message-file",
    "startup",
    1,
    "Message file not found: /srv/task.md\n",
    ["configuration", false, "none"],
    "main.py"
  ],
  [
    "message-file-denied",
    "startup",
    1,
    "Error reading message file: [Errno 13] Permission denied: '/srv/task.md'\n",
    ["configuration", false, "none"],
    "main.py"
  ],
  [
    "no-keys-at-all",
    "startup",
    1,
    "No LLM model was specified and no API keys were provided.\n",
    ["configuration", false, "none"],
    "onboarding.py"
  ],
  [
    "openrouter-key",
    "startup",
    1,
    "The specified model 'openrouter/x/y' requires an OpenRouter API key, which was not found.\nUnable to proceed without an OpenRouter API key for model 'openrouter/x/y'.\n",
    ["configuration", false, "none"],
    "main.py"
  ],
  [
    "model-settings",
    "startup",
    1,
    "Error loading aider model settings: Error loading model settings from /srv/.aider.model.settings.yml: mapping values are not allowed here\n",
    ["configuration", false, "none"],
    "main.py"
  ],
  [
    "edit-format",
    "startup",
    1,
    "Unknown edit format patchy. Valid formats are: diff, udiff, whole\n",
    ["configuration", false, "none"],
    "base_coder.py"
  ],
  [
    "create-repo",
    "startup",
    1,
    "Unable to create git repo in /srv/wt\n[Errno 13] Permission denied: '/srv/wt/.git'\n",
    ["configuration", false, "none"],
    "main.py"
  ],
  [
    "repo-corrupted",
    "message",
    0,
    "Unable to list files in git repo: BadObject: b'1a2b3c4d'\nIs your git repo corrupted?\n",
    ["permanent", false, "none"],
    "repo.py"
  ],
  [
    "sanity-check-event",
    "startup",
    1,
    '{"event": "exit", "properties": {"reason": "Repository sanity check failed"}, "user_id": "1", "time": 1760000000}\n',
    ["permanent", false, "none"],
    "main.py, analytics log"
  ]
])

const edits = onStdout(false, [
  [
    "prose",
    "message",
    0,
    "Could you tell me which file you mean?\nTokens: 2.3k sent, 120 received. Cost: $0.0089 message, $0.0089 session.\n",
    ["rejected", false, "none"],
    "base_coder.py"
  ],
  [
    "udiff-no-match",
    "message",
    0,
    "The LLM did not conform to the edit format.\nhttps://aider.chat/docs/troubleshooting/edit-errors.html\n\nUnifiedDiffNoMatch: hunk failed to apply!\n\nsrc/app.ts does not contain lines that match the diff you provided!\n",
    ["rejected", false, "none"],
    "udiff_coder.py"
  ],
  [
    "whole-no-filename",
    "message",
    0,
    "The LLM did not conform to the edit format.\nhttps://aider.chat/docs/troubleshooting/edit-errors.html\n\nNo filename provided before ``` in file listing\nOnly 3 reflections allowed, stopping.\n",
    ["rejected", false, "none"],
    "wholefile_coder.py"
  ],
  [
    "patch-format",
    "message",
    0,
    "The LLM did not conform to the edit format.\nError parsing patch content: Update File Error - missing file content for: src/app.ts\n",
    ["rejected", false, "none"],
    "patch_coder.py"
  ],
  [
    "aiderignore",
    "message",
    0,
    "Skipping src/secret.ts that matches aiderignore spec.\n",
    ["rejected", false, "none"],
    "base_coder.py"
  ],
  [
    "cannot-create",
    "message",
    0,
    "Unable to create src/new.ts, skipping edits.\n",
    ["configuration", false, "none"],
    "base_coder.py"
  ],
  [
    "shell-declined",
    "message",
    0,
    "pip install httpx\nRun shell command? (Y)es/(N)o/(D)on't ask again [Yes]: n\n",
    ["configuration", false, "none"],
    "io.py with --yes-always"
  ],
  [
    "dry-run",
    "message",
    0,
    "Did not apply edit to src/app.ts (--dry-run)\n",
    ["configuration", false, "none"],
    "base_coder.py"
  ],
  [
    "no-reply-event",
    "message",
    0,
    '{"event": "message_send_starting", "properties": {}, "user_id": "1", "time": 1760000000}\n{"event": "exit", "properties": {"reason": "Completed --message-file"}, "user_id": "1", "time": 1760000009}\n',
    ["ambiguous", false, "none"],
    "base_coder.py: no message_send after message_send_starting"
  ],
  [
    "reply-without-edit-event",
    "message",
    0,
    '{"event": "message_send_starting", "properties": {}, "user_id": "1", "time": 1760000000}\n{"event": "message_send", "properties": {"prompt_tokens": 4100, "completion_tokens": 35, "cost": 0.01}, "user_id": "1", "time": 1760000008}\n{"event": "exit", "properties": {"reason": "Completed --message-file"}, "user_id": "1", "time": 1760000009}\n',
    ["rejected", false, "none"],
    "base_coder.py: a reply, and no Applied edit line"
  ]
])

export const aiderCases: ReadonlyArray<EndedCase> = [...dangerous, ...provider, ...startup, ...edits]
