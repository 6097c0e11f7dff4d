import * as NodeFs from "node:fs"
import * as NodePath from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FileSystem, type Layer } from "effect"
import { Run } from "../../src/domain/Ids.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { type Edit, Proposal } from "../../src/domain/Proposal.ts"
import { instructions as instructionsFor } from "../../src/steps/Prompt.ts"
import { CodeEditor } from "../../src/services/CodeEditor.ts"
import { git } from "./GitSandbox.ts"
import { order, route } from "./World.ts"

const [model = null] = route.models

/** What every call of an editor says beside the change itself. */
export const asking = {
  workOrderId: order.id,
  run: Run.make(1),
  call: "applying/editor/1/applying",
  category: "applying",
  rule: "first",
  model,
  timeoutMs: Duration.toMillis(Limits.editor)
} as const

export const proposalOf = (
  edits: readonly [Edit, ...Array<Edit>],
  summary = "Round half up instead of down"
): Proposal =>
  new Proposal({
    summary,
    edits,
    commitMessage: "Round half up",
    pullRequestTitle: "Round half up",
    pullRequestBody: ""
  })

const temporary = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "moose-editor-" }))
})

/** A worktree of a real repository, with a file beside it that no edit may reach, and a link to that. */
export const worktree = Effect.gen(function* () {
  const outer = yield* temporary
  const repository = NodePath.join(outer, "repository")
  const directory = NodePath.join(outer, "worktree")
  NodeFs.mkdirSync(NodePath.join(repository, "src", "deep"), { recursive: true })
  const write = (name: string, content: string) =>
    NodeFs.writeFileSync(NodePath.join(repository, name), content)
  write("src/a.js", "export const total = Math.floor(1.5)\n")
  write("src/b.js", "export {}\n")
  write("src/deep/c.js", "export const c = 1\n")
  NodeFs.symlinkSync("../../outside.js", NodePath.join(repository, "src/link.js"))
  NodeFs.writeFileSync(NodePath.join(outer, "outside.js"), "outside\n")
  git(repository, "init", "--quiet", "--initial-branch=main", "--template=")
  git(repository, "add", "--all")
  git(repository, "commit", "--quiet", "--message", "base")
  git(repository, "worktree", "add", "--quiet", "--detach", directory)
  return { outer, repository, directory }
})

/** Asks an editor for a change as the step does, with the instruction file beside the worktree. */
export const apply = Effect.fnUntraced(function* (
  where: { readonly outer: string; readonly directory: string },
  edits: readonly [Edit, ...Array<Edit>],
  filesInScope: ReadonlyArray<string> = [],
  more: Partial<Omit<typeof asking, "timeoutMs">> & {
    readonly summary?: string
    readonly timeoutMs?: number
  } = {}
) {
  const { summary, ...asked } = more
  const editor = yield* CodeEditor
  const proposal = proposalOf(edits, summary)
  const instructions = NodePath.join(where.outer, "instructions.md")
  NodeFs.writeFileSync(instructions, instructionsFor(order, proposal))
  return yield* editor.apply({
    ...asking,
    ...asked,
    directory: where.directory,
    instructions,
    proposal,
    filesInScope
  })
})

export const whole = (path: string, content: string): Edit => ({ _tag: "WholeFile", path, content })
export const rounding: Edit = { _tag: "SearchReplace", path: "src/a.js", search: "floor", replace: "round" }

const status = (directory: string) => git(directory, "status", "--porcelain", "--ignored")

/** What every editor keeps, whoever makes the edits. */
export const suite = <E>(name: string, editor: Layer.Layer<CodeEditor, E>, timeout?: number) => {
  const live = <A, E2>(
    what: string,
    test: Effect.Effect<A, E2, CodeEditor | Effect.Services<typeof worktree>>
  ) =>
    it.live(
      what,
      () => test.pipe(Effect.scoped, Effect.provide(editor), Effect.provide(NodeServices.layer)),
      timeout
    )

  describe(`every editor: ${name}`, () => {
    live(
      "is ready, makes an edit, and answers the path",
      Effect.gen(function* () {
        const where = yield* worktree
        const codeEditor = yield* CodeEditor
        yield* codeEditor.ready({})
        assert.deepStrictEqual(yield* apply(where, [rounding], ["src/a.js"]), ["src/a.js"])
        assert.include(NodeFs.readFileSync(NodePath.join(where.directory, "src/a.js"), "utf8"), "Math.round")
        assert.strictEqual(status(where.directory), " M src/a.js")
        assert.strictEqual(
          git(where.repository, "config", "--local", "--get-regexp", "^core.bare$"),
          "core.bare false"
        )
      })
    )

    live(
      "makes new files, and removes files",
      Effect.gen(function* () {
        const where = yield* worktree
        const paths = yield* apply(
          where,
          [whole("src/new.js", "export const made = true\n"), { _tag: "DeleteFile", path: "src/b.js" }],
          [],
          { summary: "new-file" }
        )
        assert.deepStrictEqual(paths, ["src/b.js", "src/new.js"])
        assert.isFalse(NodeFs.existsSync(NodePath.join(where.directory, "src/b.js")))
        assert.include(
          NodeFs.readFileSync(NodePath.join(where.directory, "src/new.js"), "utf8"),
          "export const made = true"
        )
      })
    )

    live(
      "makes a change that nobody is to be asked for",
      Effect.gen(function* () {
        const where = yield* worktree
        const edit = whole("src/deep/c.js", "export const c = 2\n")
        assert.deepStrictEqual(yield* apply(where, [edit], [], { model: null }), ["src/deep/c.js"])
      })
    )

    const refused = (edit: Edit, scope: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const where = yield* worktree
        const reason = yield* Effect.flip(apply(where, [rounding, edit], scope))
        assert.strictEqual(status(where.directory), "")
        assert.strictEqual(NodeFs.readFileSync(NodePath.join(where.outer, "outside.js"), "utf8"), "outside\n")
        return reason
      })

    live(
      "refuses by name what is out of scope",
      Effect.gen(function* () {
        const reason = yield* refused(whole("src/deep/c.js", ""), ["src/a.js", "docs/"])
        if (reason._tag !== "OutOfScopeEdit") return assert.fail(reason._tag)
        assert.deepStrictEqual([reason.path, reason.scope], ["src/deep/c.js", ["src/a.js", "docs/"]])
      })
    )

    for (const path of ["../outside.js", "/etc/passwd", ".git", ".git/hooks/pre-commit", "src/../../x"]) {
      live(
        `refuses ${path}`,
        Effect.gen(function* () {
          const reason = yield* refused(whole(path, "x"), [])
          if (reason._tag !== "UnsafeEdit") return assert.fail(reason._tag)
          assert.strictEqual(reason.path, path)
        })
      )
    }
  })
}
