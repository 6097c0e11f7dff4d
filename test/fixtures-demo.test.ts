import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { LanguageModel } from "effect/ai"
import { ProjectId, Sha, WorkOrderId } from "../src/domain/Ids.ts"
import type { Edit } from "../src/domain/Proposal.ts"
import { WorkOrder } from "../src/domain/WorkOrder.ts"
import * as OfflineModel from "../src/layers/models/OfflineModel.ts"
import { packageRoot } from "../src/layers/PackageRoot.ts"
import * as Prompt from "../src/steps/Prompt.ts"

const demo = join(packageRoot, "fixtures", "demo")

const OrderFile = Schema.fromJsonString(
  Schema.Struct({
    kind: WorkOrder.fields.kind,
    title: WorkOrder.fields.title,
    description: WorkOrder.fields.description,
    acceptanceCriteria: WorkOrder.fields.acceptanceCriteria,
    filesInScope: WorkOrder.fields.filesInScope
  })
)

const readOrder = (name: string) =>
  Effect.promise(() => readFile(join(demo, name), "utf8")).pipe(
    Effect.flatMap(Schema.decodeEffect(OrderFile)),
    Effect.map(
      (file) =>
        new WorkOrder({
          ...file,
          id: WorkOrderId.make("demo"),
          project: ProjectId.make("demo"),
          baseBranch: "main",
          priority: 0,
          limits: {},
          metadata: {}
        })
    )
  )

/** A copy of the sample repository that is removed with the scope. */
const copy = Effect.acquireRelease(
  Effect.promise(async () => {
    const directory = await mkdtemp(join(tmpdir(), "moose-demo-"))
    await cp(join(demo, "repository"), directory, { recursive: true })
    return directory
  }),
  (directory) => Effect.promise(() => rm(directory, { recursive: true }))
)

const files = Effect.promise(async () => {
  const root = join(demo, "repository")
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const full = join(entry.parentPath, entry.name)
        return { path: full.slice(root.length + 1), content: await readFile(full, "utf8") }
      })
  )
})

/** What the offline model proposes for an order that is asked as the generating step asks. */
const propose = Effect.fnUntraced(function* (name: string) {
  const order = yield* readOrder(name)
  const shown = yield* files
  const snapshot = { baseSha: Sha.make("0".repeat(40)), paths: shown.map(({ path }) => path), files: shown }
  const { system, prompt } = Prompt.render({ order, snapshot })
  const answer = yield* LanguageModel.generateText({
    prompt: [
      { role: "system", content: system },
      { role: "user", content: prompt }
    ]
  })
  return { order, proposal: yield* Prompt.parse(answer.text, "offline") }
})

const apply = (directory: string, edits: ReadonlyArray<Edit>) =>
  Effect.promise(async () => {
    for (const edit of edits) {
      const path = join(directory, edit.path)
      if (edit._tag === "WholeFile") {
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, edit.content)
      } else if (edit._tag === "SearchReplace") {
        const parts = (await readFile(path, "utf8")).split(edit.search)
        assert.lengthOf(parts, 2, `${edit.path} must have the text to replace once`)
        await writeFile(path, parts.join(edit.replace))
      } else assert.fail(`the demo has no ${edit._tag}`)
    }
  })

/** Does `node --test`, which is what the sample's `npm test` runs, succeed? */
const testsPass = (directory: string) =>
  Effect.callback<boolean>((resume) => {
    const child = execFile(process.execPath, ["--test"], { cwd: directory, env: {} }, (failure) =>
      resume(Effect.succeed(failure === null))
    )
    return Effect.sync(() => child.kill())
  })

const isTest = (edit: Edit): boolean => edit.path.startsWith("test/")

layer(OfflineModel.layer.pipe(Layer.provide(NodeServices.layer)))("the demo", (it) => {
  it.effect("begins with a repository whose tests pass, and the bug that none of them sees", () =>
    Effect.gen(function* () {
      const directory = yield* copy
      assert.isTrue(yield* testsPass(directory))
      const manifest = yield* Effect.promise(() => readFile(join(directory, "package.json"), "utf8"))
      assert.include(manifest, '"test": "node --test"')
    })
  )

  for (const name of ["work-order.json", "work-order-feature.json"]) {
    it.effect(`${name}: the reply's tests fail without its change and pass with it`, () =>
      Effect.gen(function* () {
        const { order, proposal } = yield* propose(name)
        for (const edit of proposal.edits)
          assert.isTrue(
            order.filesInScope.some((path) =>
              path.endsWith("/") ? edit.path.startsWith(path) : edit.path === path
            ),
            `${edit.path} is in the order's scope`
          )
        const directory = yield* copy
        yield* apply(directory, proposal.edits.filter(isTest))
        assert.isFalse(yield* testsPass(directory))
        yield* apply(
          directory,
          proposal.edits.filter((edit) => !isTest(edit))
        )
        assert.isTrue(yield* testsPass(directory))
      })
    )
  }

  it.effect("both orders fit together", () =>
    Effect.gen(function* () {
      const directory = yield* copy
      for (const name of ["work-order.json", "work-order-feature.json"])
        yield* apply(directory, (yield* propose(name)).proposal.edits)
      assert.isTrue(yield* testsPass(directory))
    })
  )
})
