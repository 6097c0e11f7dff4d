import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { WorkOrderId } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { Proposal, RepositoryPath } from "../../domain/Proposal.ts"
import { UsdFromDecimal } from "../../domain/Usd.ts"
import { Kind, MaxAttempts, WorkOrder } from "../../domain/WorkOrder.ts"
import * as Environment from "../../layers/Environment.ts"
import * as GitCli from "../../layers/GitCli.ts"
import * as Settings from "../../layers/Settings.ts"
import { execute } from "../Execute.ts"
import * as Input from "../Input.ts"
import { showFor } from "../Progress.ts"
import { conclude } from "../Report.ts"
import { ensureProject, remoteOf } from "../Repository.ts"

const flags = {
  repo: Flag.String("repo").pipe(Flag.withDescription("Folder or URL of a git repository that has a remote")),
  title: Flag.String("title").pipe(Flag.withDescription("What is to be done, in one line")),
  body: Flag.String("body").pipe(Flag.withDescription("What is to be done, at length"), Flag.withDefault("")),
  kind: Flag.Literals("kind", Kind.literals).pipe(
    Flag.withDescription("What sort of work it is"),
    Flag.withDefault("feature" as const)
  ),
  accept: Flag.String("accept").pipe(
    Flag.withDescription("An acceptance criterion; may be repeated"),
    Flag.between(0, 50)
  ),
  scope: Flag.String("scope").pipe(
    Flag.withDescription(
      "A file, or a folder ending in /, that may be touched; may be repeated. All when left out"
    ),
    Flag.between(0, 200)
  ),
  base: Flag.String("base").pipe(
    Flag.withDescription("The branch to start from; the remote's default when left out"),
    Flag.optional
  ),
  proposal: Flag.String("proposal").pipe(
    Flag.withDescription("A JSON file with the change, worked out elsewhere: no model is asked"),
    Flag.optional
  ),
  id: Flag.String("id").pipe(
    Flag.withDescription("The order's id; submitting the same order under it again is harmless"),
    Flag.optional
  ),
  maxUsd: Flag.String("max-usd").pipe(
    Flag.withDescription("The most this order may spend, in dollars"),
    Flag.optional
  ),
  maxAttempts: Flag.Int("max-attempts").pipe(
    Flag.withDescription(`How often its own work may fail before it is given up (${Limits.orderAttempts})`),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one JSON object at the end"),
    Flag.withDefault(false)
  )
}

/** `moose run`: one work order on any git repository with a remote, run here. */
export const run = Command.make(
  "run",
  flags,
  Effect.fnUntraced(function* (input) {
    // Everything a person can get wrong is looked at before anything is made.
    const id = yield* Option.match(input.id, {
      onNone: () => Input.newId,
      onSome: Input.decode(WorkOrderId, "--id")
    })
    const title = yield* Input.decode(WorkOrder.fields.title, "--title")(input.title)
    const acceptanceCriteria = yield* Effect.forEach(
      input.accept,
      Input.decode(Schema.NonEmptyString, "--accept")
    )
    const filesInScope = yield* Effect.forEach(input.scope, Input.decode(RepositoryPath, "--scope"))
    const base = yield* Effect.transposeOption(
      Option.map(input.base, Input.decode(Schema.NonEmptyString, "--base"))
    )
    const maxUsd = yield* Effect.transposeOption(
      Option.map(input.maxUsd, Input.decode(UsdFromDecimal, "--max-usd"))
    )
    const maxAttempts = yield* Effect.transposeOption(
      Option.map(input.maxAttempts, Input.decode(MaxAttempts, "--max-attempts"))
    )
    const proposal = yield* Effect.transposeOption(
      Option.map(input.proposal, (file) => Input.readJsonFile(file, Proposal))
    )
    const remoteUrl = yield* remoteOf(input.repo).pipe(Effect.provide(GitCli.layer()))

    yield* Effect.gen(function* () {
      const project = yield* ensureProject(remoteUrl, base)
      const order = new WorkOrder({
        id,
        project: project.id,
        kind: input.kind,
        title,
        description: input.body,
        acceptanceCriteria,
        filesInScope,
        baseBranch: Option.getOrElse(base, () => project.baseBranch),
        priority: 0,
        limits: { ...Input.given("maxUsd", maxUsd), ...Input.given("maxAttempts", maxAttempts) },
        metadata: {},
        ...Input.given("proposal", proposal)
      })
      const view = yield* execute(order, yield* showFor(input.json))
      yield* conclude(view, input.json)
    }).pipe(Effect.provide(Environment.everything), Effect.provide(Settings.layer))
  })
).pipe(Command.withDescription("Run one work order on a git repository, here and now"))
