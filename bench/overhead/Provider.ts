import { createServer } from "node:http"
import { Schema } from "effect"
import { Listening } from "./Messages.ts"

/*
 * A model's provider in a process of its own, as it is in earnest. It says in each answer how long it was at the
 * request, in milliseconds: what is left of the caller's time is everybody else's.
 */

const takesMs = Number(process.argv[2])
const write = Schema.encodeSync(Listening)

const completion = JSON.stringify({
  id: "c1",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "x".repeat(2_000) }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 }
})

const server = createServer((request, response) => {
  const from = performance.now()
  request.resume().on("end", () => {
    setTimeout(() => {
      response.writeHead(200, {
        "content-type": "application/json",
        "x-request-id": String(performance.now() - from)
      })
      response.end(completion)
    }, takesMs)
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  process.send?.(write({ _tag: "Listening", url: `http://127.0.0.1:${port}` }))
})
// Until the bench is over, or gone.
process.once("disconnect", () => process.exit())
