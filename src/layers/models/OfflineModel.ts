import { Effect, FileSystem, Layer, Path, type PlatformError, Schema, Stream } from "effect"
import { AiError, LanguageModel, type Prompt, type Response } from "effect/ai"
import { Proposal } from "../../domain/Proposal.ts"
import { packageRoot } from "../PackageRoot.ts"

/** One file of `fixtures/demo/replies`: the order it belongs to, by its title, and the answer. */
const Reply = Schema.fromJsonString(Schema.Struct({ title: Schema.NonEmptyString, reply: Proposal }))
const ProposalJson = Schema.fromJsonString(Proposal)

type Method = "generateText" | "streamText"

const failWith = (method: Method, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module: "OfflineModel", method, reason })

const linesOf = (prompt: Prompt.Prompt): ReadonlyArray<string> =>
  prompt.content.flatMap((message) =>
    message.role === "user"
      ? message.content.flatMap((part) => (part.type === "text" ? part.text.split(/\r?\n/) : []))
      : []
  )

const unknownOrder = (titles: ReadonlyArray<string>): AiError.AiErrorReason =>
  new AiError.InvalidUserInputError({
    description:
      `the offline model only knows the demo's work orders (${titles.map((title) => `"${title}"`).join(", ")}); ` +
      "set OPENAI_API_KEY or ANTHROPIC_API_KEY to connect a real model"
  })

const unreadable = (failure: PlatformError.PlatformError | Schema.SchemaError): AiError.AiErrorReason =>
  new AiError.UnknownError({
    description: `the offline model's answers cannot be read; is Moose installed completely? ${failure.message}`
  })

/** Nothing was asked over the network and no tokens were used, so that these zeros are true. */
const nothingUsed: typeof Response.Usage.Encoded = { inputTokens: { total: 0 }, outputTokens: { total: 0 } }

/**
 * A language model without a network: it knows the answers to the demo's work orders, finds the order by a
 * line of the prompt that is exactly its title, and says in its summary that it is offline. Anything else
 * fails with an `AiError` that says so.
 */
export const make: Effect.Effect<LanguageModel.LanguageModel, never, FileSystem.FileSystem | Path.Path> =
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = path.join(packageRoot, "fixtures", "demo", "replies")

    const replies = Effect.gen(function* () {
      const names = (yield* fileSystem.readDirectory(folder)).filter((name) => name.endsWith(".json"))
      return yield* Effect.forEach(names.toSorted(), (name) =>
        Effect.flatMap(fileSystem.readFileString(path.join(folder, name)), Schema.decodeEffect(Reply))
      )
    })

    const answer = Effect.fnUntraced(function* (method: Method, prompt: Prompt.Prompt) {
      const known = yield* Effect.mapError(replies, (failure) => failWith(method, unreadable(failure)))
      const lines = linesOf(prompt)
      // The order's own title comes before anything that its text or the repository may repeat.
      const title = lines.find((line) => known.some((reply) => reply.title === line))
      const found = known.find((reply) => reply.title === title)
      if (found === undefined) return yield* failWith(method, unknownOrder(known.map((reply) => reply.title)))
      const summary = `${found.reply.summary} (Answered by the offline model, from a fixture.)`
      return yield* Effect.mapError(
        Schema.encodeEffect(ProposalJson)(new Proposal({ ...found.reply, summary })),
        (failure) => failWith(method, unreadable(failure))
      )
    })

    const generateText = (asked: LanguageModel.ProviderOptions) =>
      Effect.map(answer("generateText", asked.prompt), (text): Array<Response.PartEncoded> => [
        { type: "text", text },
        { type: "finish", reason: "stop", usage: nothingUsed }
      ])

    const streamText = (asked: LanguageModel.ProviderOptions) =>
      Stream.fromIterableEffect(
        Effect.map(answer("streamText", asked.prompt), (delta): Array<Response.StreamPartEncoded> => [
          { type: "text-start", id: "0" },
          { type: "text-delta", id: "0", delta },
          { type: "text-end", id: "0" },
          { type: "finish", reason: "stop", usage: nothingUsed }
        ])
      )

    return yield* LanguageModel.make({ generateText, streamText })
  })

/** `make` as a layer. */
export const layer: Layer.Layer<LanguageModel.LanguageModel, never, FileSystem.FileSystem | Path.Path> =
  Layer.effect(LanguageModel.LanguageModel, make)
