import type { LLMock } from "@copilotkit/aimock"

/** What the model server answers, by a word in the order. */

const usage = {
  prompt_tokens: 1_000,
  completion_tokens: 50,
  total_tokens: 1_050,
  input_tokens: 1_000,
  output_tokens: 50
}

/** One edit in the form that Aider wants of its model. */
export const block = (path: string, search: string, replace: string): string =>
  `${path}\n\`\`\`\n<<<<<<< SEARCH\n${search}${search === "" ? "" : "\n"}=======\n${replace}\n>>>>>>> REPLACE\n\`\`\`\n`

export const before = "export const total = Math.floor(1.5)"
export const after = "export const total = Math.round(1.5)"

const good = block("src/a.js", before, after)
const unfit = block("src/a.js", "this line is nowhere", "nor is this")

const text = (content: string, more: object = {}) => ({ content, usage, ...more })
const refusal = (status: number, message: string, type: string, code?: string) => ({
  status,
  error: { message, type, ...(code === undefined ? {} : { code }) }
})

/** Each answers every call whose newest message has the word in it; what Aider sends back keeps no word of it. */
export const answers = {
  "round-well": text(`Rounded.\n\n${good}`),
  "new-file": text(block("src/new.js", "", "export const made = true")),
  "says-it-is-done": text("The code does that already, so I changed nothing."),
  "empty-reply": text(""),
  "outside-the-worktree": text(block("../outside.js", "", "export {}")),
  "into-git": text(block(".git", "", "gitdir: /nowhere")),
  "out-of-scope": text(`${good}\n${block("src/b.js", "export {}", "export const b = 1")}`),
  "cut-off": text("src/a.js\n```\n<<<<<<< SEARCH\nexport const", { finishReason: "length" }),
  "wrong-key": refusal(
    401,
    "Incorrect API key provided: sk-…. Check it.",
    "invalid_request_error",
    "invalid_api_key"
  ),
  "no-such-model": refusal(
    404,
    "The model `gpt-test` does not exist or you do not have access to it.",
    "invalid_request_error",
    "model_not_found"
  ),
  "too-long": refusal(
    400,
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please reduce the length of the messages.",
    "invalid_request_error",
    "context_length_exceeded"
  ),
  "over-budget": refusal(
    400,
    "Moose refuses this call: it does not fit in the work order.",
    "invalid_request_error",
    "moose_budget_exceeded"
  ),
  "no-credit": refusal(
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
    "insufficient_quota"
  ),
  "too-often": refusal(429, "Rate limit reached for requests", "rate_limit_error", "rate_limit_exceeded"),
  overloaded: refusal(503, "The server is overloaded.", "server_error")
} as const

/** Gives a model server its answers. Those whose rounds differ count them. */
export const teach = (mock: LLMock): void => {
  for (const [word, response] of Object.entries(answers)) mock.onMessage(word, response)
  mock.onMessage("never-fits", text(unfit))
  mock.onMessage("gives-up", text(unfit))
  mock.onMessage("half-fits", text(`${good}\n${unfit}`))
  mock.onMessage("fits-at-last", text(unfit))
  // What Aider sends back after an edit that did not fit does not name the order, but the conversation does.
  const again = (word: string, content: string, after = "failed to match") =>
    mock.addFixture({
      match: {
        predicate: ({ messages }) =>
          JSON.stringify(messages.at(-1) ?? "").includes(after) &&
          messages.some(({ content }) => JSON.stringify(content).includes(word))
      },
      response: text(content)
    })
  again("never-fits", unfit)
  // It adds files that its model names by itself, and asks again.
  again("out-of-scope", answers["out-of-scope"].content, "I added these files to the chat")
  again("gives-up", "I do not know how to make it fit.")
  again("half-fits", "I do not know how to make the rest fit.")
  again("fits-at-last", good)
  mock.addFixture({ match: { userMessage: "never-answers" }, response: () => new Promise<never>(() => {}) })
}
