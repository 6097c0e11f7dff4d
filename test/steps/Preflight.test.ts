import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Policies } from "../../src/domain/policies/Policies.ts"
import { Project, type ProjectMode } from "../../src/domain/Project.ts"
import * as PatchEditor from "../../src/layers/PatchEditor.ts"
import * as WorktreeWorkspace from "../../src/layers/WorktreeWorkspace.ts"
import { run } from "../../src/pipeline.ts"
import { CodeEditor, type CodeEditorContract } from "../../src/services/CodeEditor.ts"
import type { Failure } from "../../src/services/Contract.ts"
import { Git } from "../../src/services/Git.ts"
import { GitHub, type GitHubContract } from "../../src/services/GitHub.ts"
import { Workspace, type WorkspaceContract } from "../../src/services/Workspace.ts"
import { preflight } from "../../src/steps/Preflight.ts"
import { rulesOf } from "../../src/steps/Step.ts"
import * as Allowance from "../../src/steps/Allowance.ts"
import { StepContext } from "../../src/steps/StepContext.ts"
import { samples } from "../../src/testing/Samples.ts"
import { World, at, baseSha, order, project } from "../support/World.ts"

/** What each look answers; all is well where nothing is said. */
interface Views {
  readonly ready?: Effect.Effect<{ readonly freeBytes: number }, Failure<typeof WorkspaceContract, "ready">>
  readonly editor?: Effect.Effect<void, Failure<typeof CodeEditorContract, "ready">>
  readonly remoteHead?: ReturnType<Workspace["Service"]["remoteHead"]>
  readonly repository?: Effect.Effect<
    { readonly defaultBranch: string; readonly canPush: boolean },
    Failure<typeof GitHubContract, "getRepository">
  >
}

const mayPush = (canPush: boolean) => Effect.succeed({ defaultBranch: "main", canPush })

const services = (views: Views, asked: Array<string> = []) => {
  const noted = <A, E>(what: string, effect: Effect.Effect<A, E>) =>
    Effect.andThen(
      Effect.sync(() => asked.push(what)),
      effect
    )
  return Layer.mergeAll(
    Layer.mock(Workspace, {
      ready: () => noted("room", views.ready ?? Effect.succeed({ freeBytes: Limits.diskFreeBytesMin })),
      remoteHead: ({ branch }) => noted(`branch ${branch}`, views.remoteHead ?? Effect.succeed(baseSha))
    }),
    Layer.mock(CodeEditor, { ready: () => noted("editor", views.editor ?? Effect.void) }),
    Layer.mock(GitHub, { getRepository: () => noted("permission", views.repository ?? mayPush(true)) })
  )
}

const look = (views: Views, mode: ProjectMode = "on", asked: Array<string> = []) =>
  preflight().pipe(
    Effect.provideService(StepContext, {
      at,
      step: "routing",
      name: "routing",
      rules: rulesOf("routing", Context.get(Context.empty(), Policies)),
      attempt: 1,
      waits: 0,
      probing: [],
      order,
      project: new Project({ ...project, mode }),
      submittedAt: 0,
      allowance: Allowance.make({ attemptsMax: 6, attemptsSpent: 0, deadline: Number.MAX_SAFE_INTEGER })
    }),
    Effect.provide(services(views, asked))
  )

describe("a look ahead", () => {
  it.effect("finds nothing when all is well, and looks at everything", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      yield* look({}, "on", asked)
      assert.sameMembers(asked, ["room", "editor", "branch main", "permission"])
    })
  )

  it.effect("does not ask the forge for a project in shadow", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      yield* look({ repository: mayPush(false) }, "shadow", asked)
      assert.sameMembers(asked, ["room", "editor", "branch main"])
    })
  )

  it.effect("says which branch is missing where", () =>
    Effect.gen(function* () {
      const reason = yield* Effect.flip(look({ remoteHead: Effect.succeed(null) }))
      assert.strictEqual(reason._tag, "BaseBranchMissing")
      assert.strictEqual(reason.message, "o/r has no branch main")
    })
  )

  it.effect("says who may not be pushed to", () =>
    Effect.gen(function* () {
      const reason = yield* Effect.flip(look({ repository: mayPush(false) }))
      assert.strictEqual(reason._tag, "PermissionDenied")
      assert.include(reason.message, "o/r may be read and not written to")
    })
  )

  it.effect("passes on what was found, with its facts", () =>
    Effect.gen(function* () {
      const found = [
        [yield* Effect.flip(look({ ready: Effect.fail(samples.DiskFull) })), samples.DiskFull],
        [yield* Effect.flip(look({ ready: Effect.fail(samples.GitFailed) })), samples.GitFailed],
        [yield* Effect.flip(look({ editor: Effect.fail(samples.EditorMissing) })), samples.EditorMissing],
        [
          yield* Effect.flip(look({ remoteHead: Effect.fail(samples.RepositoryMissing) })),
          samples.RepositoryMissing
        ],
        [
          yield* Effect.flip(look({ remoteHead: Effect.fail(samples.AuthenticationFailed) })),
          samples.AuthenticationFailed
        ],
        [yield* Effect.flip(look({ repository: Effect.fail(samples.CircuitOpen) })), samples.CircuitOpen],
        [yield* Effect.flip(look({ repository: Effect.fail(samples.RateLimited) })), samples.RateLimited]
      ]
      for (const [reason, sample] of found) assert.strictEqual(reason, sample)
    })
  )

  it.effect("looks at everything at once", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const answers = yield* Deferred.make<void>()
      const later = <A>(value: A) => Effect.as(Deferred.await(answers), value)
      const fiber = yield* Effect.forkChild(
        look(
          {
            ready: later({ freeBytes: 0 }),
            editor: later(undefined),
            remoteHead: later(baseSha),
            repository: later({ defaultBranch: "main", canPush: true })
          },
          "on",
          asked
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust(0)
      assert.lengthOf(asked, 4)
      yield* Deferred.succeed(answers, undefined)
      yield* Fiber.join(fiber)
    })
  )

  it.effect("gives the same reason for the same situation, whoever is quicker", () =>
    Effect.gen(function* () {
      const wrong: Required<Views> = {
        ready: Effect.fail(samples.DiskFull),
        editor: Effect.fail(samples.EditorMissing),
        remoteHead: Effect.fail(samples.RemoteUnreachable),
        repository: Effect.fail(samples.RateLimited)
      }
      const slowed: Views = {
        ready: Effect.delay(wrong.ready, "1 second"),
        editor: Effect.delay(wrong.editor, "1 second"),
        remoteHead: Effect.delay(wrong.remoteHead, "1 second"),
        repository: Effect.delay(wrong.repository, "1 second")
      }
      const names = ["ready", "editor", "remoteHead", "repository"] as const
      const expected = ["DiskFull", "EditorMissing", "RemoteUnreachable", "RateLimited"]
      const some = (of: Views, which: ReadonlyArray<string>): Views =>
        Object.fromEntries(Object.entries(of).filter(([name]) => which.includes(name)))
      for (const first of names.keys()) {
        const left = names.slice(first)
        // Each in turn is the slowest of them.
        for (const slowest of left) {
          const views = { ...some(wrong, left), ...some(slowed, [slowest]) }
          const fiber = yield* Effect.forkChild(Effect.flip(look(views)))
          yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* Fiber.join(fiber))._tag, expected[first])
        }
      }
    })
  )

  it.effect("takes who does not answer in time for down", () =>
    Effect.gen(function* () {
      const remote = yield* Effect.forkChild(Effect.flip(look({ remoteHead: Effect.never })))
      const forge = yield* Effect.forkChild(Effect.flip(look({ repository: Effect.never })))
      yield* TestClock.adjust(Limits.preflightCall)
      const [unreachable, failed] = [yield* Fiber.join(remote), yield* Fiber.join(forge)]
      assert.strictEqual(unreachable._tag, "RemoteUnreachable")
      assert.strictEqual(unreachable.message, "o/r cannot be reached: it did not answer within 5 s")
      assert.strictEqual(failed._tag, "ForgeFailed")
      assert.include(failed.message, "it did not answer within 5 s")
    })
  )

  it.effect("does not take a bug for a finding", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        look({ editor: Effect.die(new Error("oops")), repository: mayPush(false) })
      )
      assert.isTrue(exit._tag === "Failure" && Cause.hasDies(exit.cause))
    })
  )
})

/** Runs an order whose look ahead sees what it is told. */
const routed = Effect.fnUntraced(function* (views: Views, mode: ProjectMode = "on") {
  const world = new World()
  world.project = new Project({ ...project, mode })
  const asked: Array<string> = []
  const { ready, remoteHead, repository } = views
  const overrides = Layer.merge(
    Layer.effect(
      Workspace,
      Effect.map(Workspace, (real) => ({
        ...real,
        ready: (input) => ready ?? real.ready(input),
        remoteHead: (input) => remoteHead ?? real.remoteHead(input)
      }))
    ),
    Layer.effect(
      GitHub,
      Effect.map(GitHub, (real) => ({
        ...real,
        getRepository: (input) =>
          Effect.suspend(() => {
            asked.push("permission")
            return repository ?? real.getRepository(input)
          })
      }))
    )
  ).pipe(Layer.provide(world.layer()))
  const fiber = yield* Effect.forkChild(Effect.provide(run(at), world.layer(overrides)))
  return { world, asked, fiber }
})

describe("routing", () => {
  it.effect("fails before the manager is asked and anything is paid", () =>
    Effect.gen(function* () {
      const { world, fiber } = yield* routed({ ready: Effect.fail(samples.DiskFull) })
      const ended = yield* Fiber.join(fiber)
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error._tag, "RoutingError")
      assert.strictEqual(ended.error.reason._tag, "DiskFull")
      assert.strictEqual(ended.error.failure.message, samples.DiskFull.message)
      assert.deepStrictEqual(world.calls, [])
      assert.strictEqual(world.status, "routing_failed")
    })
  )

  it.effect("waits for a remote that is down, with an incident, and goes on when it is back", () =>
    Effect.gen(function* () {
      let looks = 0
      const remoteHead = Effect.suspend(() =>
        ++looks <= 4 ? Effect.fail(samples.RemoteUnreachable) : Effect.succeed(baseSha)
      )
      const { world, fiber } = yield* routed({ remoteHead })
      yield* TestClock.adjust("20 seconds")
      assert.deepInclude(
        world.facts.find(({ _tag }) => _tag === "Parked"),
        { step: "routing", dependency: "remote:forge.invalid", tag: "RemoteUnreachable", incident: true }
      )
      assert.strictEqual(world.status, "waiting")
      assert.notInclude(world.calls, "Manager.route")
      yield* TestClock.adjust(Limits.parkFirst)
      assert.include(world.calls, "Manager.route")
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("waits for a forge that is left alone, for as long as that lasts", () =>
    Effect.gen(function* () {
      const { world, fiber } = yield* routed({ repository: Effect.fail(samples.CircuitOpen) })
      yield* TestClock.adjust("1 second")
      assert.deepInclude(
        world.facts.find(({ _tag }) => _tag === "Parked"),
        { step: "routing", dependency: "forge", tag: "CircuitOpen", incident: true }
      )
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("asks nobody for a project that is off", () =>
    Effect.gen(function* () {
      const { world, asked, fiber } = yield* routed({ ready: Effect.fail(samples.DiskFull) }, "off")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([asked, world.calls], [[], []])
      assert.strictEqual(world.facts.find((fact) => fact._tag === "Parked")?.tag, "ProjectPaused")
      yield* Fiber.interrupt(fiber)
    })
  )
})

describe("the built-in editor", () => {
  it.effect("is always ready", () =>
    Effect.gen(function* () {
      const editor = yield* CodeEditor
      yield* editor.ready({})
    }).pipe(Effect.provide(PatchEditor.layer.pipe(Layer.provide(NodeServices.layer))))
  )
})

describe("the workspace", () => {
  const folder = Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "moose-preflight-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  const ready = (directory: string, freeBytesMin?: number) =>
    Effect.flatMap(Workspace, (workspace) => workspace.ready({ project })).pipe(
      Effect.provide(
        WorktreeWorkspace.layer({ directory, ...(freeBytesMin === undefined ? {} : { freeBytesMin }) }).pipe(
          Layer.provide(Layer.merge(NodeServices.layer, Layer.mock(Git, {})))
        )
      )
    )

  it.live("is ready where there is room, and makes the folder that is looked at", () =>
    Effect.gen(function* () {
      const directory = join(yield* folder, "not", "there", "yet")
      const { freeBytes } = yield* ready(directory, 1)
      assert.isAbove(freeBytes, 0)
    })
  )

  it.live("is not ready where there is less room than is needed", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const reason = yield* Effect.flip(ready(directory, Number.MAX_SAFE_INTEGER))
      assert.strictEqual(reason._tag, "DiskFull")
      if (reason._tag !== "DiskFull") return
      assert.strictEqual(reason.path, join(directory, "worktrees", project.id))
      assert.match(reason.evidence.excerpt, /^\d+ bytes are free, and 9007199254740991 are needed$/)
    })
  )

  it.live("is not ready where something else is in the way, or leads nowhere", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      symlinkSync(join(directory, "nowhere", "at", "all"), join(directory, "worktrees"))
      const reason = yield* Effect.flip(ready(directory))
      assert.strictEqual(reason._tag, "GitFailed")
      assert.include(reason.message, "make a folder for worktrees")
    })
  )
})
