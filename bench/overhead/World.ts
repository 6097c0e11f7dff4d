import { subscribe } from "node:diagnostics_channel"
import { readFileSync } from "node:fs"
import { ChildProcess } from "node:child_process"
import { createServer, IncomingMessage } from "node:http"
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Layer, Redacted, References, Schema } from "effect"
import { Proposal } from "../../src/domain/Proposal.ts"
import * as DemoRepository from "../../src/layers/DemoRepository.ts"
import * as LocalForge from "../../src/layers/forge/LocalForge.ts"
import * as GitCli from "../../src/layers/GitCli.ts"
import { Message } from "./Messages.ts"

/*
 * The world outside, in a process of its own, as it is in earnest: a model's provider that takes its time, and a
 * forge. It says of each request how long it was at it, and of each git process that the forge had to start.
 */

const modelMs = Number(process.argv[2])
const write = Schema.encodeSync(Message)
const say = (message: typeof Message.Type) => process.send?.(write(message))

const demo = new URL("../../fixtures/demo/", import.meta.url)
const Reply = Schema.fromJsonString(Schema.Struct({ reply: Proposal }))
const { reply } = Schema.decodeUnknownSync(Reply)(
  readFileSync(new URL("replies/credit-notes.json", demo), "utf8")
)
const completion = (content: string): string =>
  JSON.stringify({
    id: "c1",
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 }
  })
const proposal = completion(JSON.stringify(Schema.encodeSync(Proposal)(reply)))
/** The same in the form that Aider wants of its model. */
const blocks = completion(
  reply.edits
    .map((edit) =>
      edit._tag === "SearchReplace"
        ? `${edit.path}\n\`\`\`\n<<<<<<< SEARCH\n${edit.search}=======\n${edit.replace}>>>>>>> REPLACE\n\`\`\`\n`
        : ""
    )
    .join("\n")
)
const asksForBlocks = "SEARCH/REPLACE"

let modelPort = 0
const model = createServer((request, response) => {
  let asked = ""
  request.setEncoding("utf8").on("data", (text) => (asked += String(text)))
  request.on("end", () => {
    const answer = asked.includes(asksForBlocks) ? blocks : proposal
    setTimeout(() => response.writeHead(200, { "content-type": "application/json" }).end(answer), modelMs)
  })
})

const now = () => performance.timeOrigin + performance.now()
const begun = new WeakMap<IncomingMessage, number>()
const requestIn = (message: unknown): IncomingMessage | undefined =>
  typeof message === "object" &&
  message !== null &&
  "request" in message &&
  message.request instanceof IncomingMessage
    ? message.request
    : undefined
subscribe("http.server.request.start", (message) => {
  const request = requestIn(message)
  if (request !== undefined) begun.set(request, now())
})
subscribe("http.server.response.finish", (message) => {
  const request = requestIn(message)
  const from = request === undefined ? undefined : begun.get(request)
  if (request === undefined || from === undefined) return
  const by = request.socket.localPort === modelPort ? "model" : "forge"
  say({ _tag: "Served", served: { by, from, to: now() } })
})

const processIn = (message: unknown): ChildProcess | undefined =>
  typeof message === "object" &&
  message !== null &&
  "process" in message &&
  message.process instanceof ChildProcess
    ? message.process
    : undefined
subscribe("child_process", (message) => {
  const from = now()
  processIn(message)?.once("exit", () => say({ _tag: "Served", served: { by: "git", from, to: now() } }))
})

const forge = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return LocalForge.layer({ directory: yield* fs.makeTempDirectoryScoped({ prefix: "moose-overhead-" }) })
  })
)

const main = Effect.gen(function* () {
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      model.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () => Effect.sync(() => model.close())
  )
  const address = model.address()
  modelPort = typeof address === "object" && address !== null ? address.port : 0
  const { url, token } = yield* LocalForge.LocalForge
  const secret = Redacted.value(token)
  const basic = Redacted.make(`Basic ${Buffer.from(`x-access-token:${secret}`).toString("base64")}`)
  const repository = yield* DemoRepository.seed.pipe(
    Effect.provide(GitCli.layer({ authorization: () => basic }))
  )
  say({
    _tag: "Outside",
    model: `http://127.0.0.1:${modelPort}`,
    forge: url,
    token: secret,
    repository,
    branch: DemoRepository.demoBranch
  })
  // Until the bench is over, or gone.
  yield* Effect.callback<void>((resume) => {
    process.once("disconnect", () => resume(Effect.void))
  })
}).pipe(
  Effect.scoped,
  Effect.provide(forge.pipe(Layer.provideMerge(NodeServices.layer))),
  Effect.provideService(References.MinimumLogLevel, "None")
)

await Effect.runPromise(main)
process.exit()
